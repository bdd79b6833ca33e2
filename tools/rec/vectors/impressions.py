"""The fields' vectors of impressions, as the network sees them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import paddle

from rec.console import log
from rec.data.batch import Bags, Batch
from rec.data.loader import load_batches
from rec.data.reader import Part
from rec.errors import UserError
from rec.numeric import Array
from rec.run.assembly import read_plan
from rec.run.reading import check_reading
from rec.run.start import Start
from rec.scoring.checkpoint import Checkpoint

FIELDS = "fields"


def read(checkpoint: Checkpoint, part: Part) -> tuple[int, Iterator[Batch]]:
    """How many impressions a part of the data has, and their batches in the data's order.

    Raises:
        UserError: the data are not there, or are not read as the checkpoint's were.
    """
    directory = checkpoint.directory
    name = f"{part}_data_dir"
    if not directory.config.runner.model_dump()[name]:
        raise UserError(f"{checkpoint.folder}/config.yaml: runner.{name} is missing, whose data are to be read")
    reader = directory.open_reader(part, checkpoint.reader.vocabulary)
    check_reading(Start(checkpoint.folder, "weights", manifest=checkpoint.manifest), reader)
    return len(reader), load_batches(reader, read_plan(directory, training=False), 0, directory.config.model_dir)


def impressions(checkpoint: Checkpoint, count: int) -> dict[str, Array]:
    """The vectors of the first `count` impressions of the test data.

    Returns:
        `sample_ids` [N], `fields` [F] names, and `vector` float32 [N, F, d], the sum, mean or largest of each field's
        tokens; where a field has several vectors, `vector_<space>` each, and `first_order` where the table has numbers
        of a first order. Fields of other widths are `field_<name>` [N, width] each. A history that the network attends
        over has no one vector, and is none of these.

    Raises:
        UserError: the data are not there, or are not read as the checkpoint's were.
    """
    _, batches = read(checkpoint, "test")
    pieces: list[dict[str, Array]] = []
    left = count
    for batch in batches:
        if not pieces:
            _log_histories(batch)
        pieces.append({name: values[:left] for name, values in _of_batch(checkpoint, batch).items()})
        left -= len(batch)
        if left <= 0:
            break
    if not pieces:
        raise UserError(f"{checkpoint.config.runner.test_data_dir}: holds no impressions")
    if left > 0:
        log.info("the test data have %d impressions", count - left)
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0] if name != FIELDS} | {
        FIELDS: pieces[0][FIELDS]
    }


def _of_batch(checkpoint: Checkpoint, batch: Batch) -> dict[str, Array]:
    net: Any = checkpoint.engine.net
    with paddle.no_grad():
        features = checkpoint.engine.feed.open(batch, training=False).features
        beside = [values.numpy() for values in features.more]
        vectors = features.vectors(net.embedding_dim).numpy() if features.names else np.empty((len(batch), 0, 0))
    declared = [str(name) for name in checkpoint.config.hyper_parameters["fields"]]
    names = [name for name in declared if name in features.names]
    vectors = vectors[:, [features.names.index(name) for name in names]]
    found = {"sample_ids": batch.sample_ids, FIELDS: np.array(names)}
    found |= split(vectors, net.row_parts) if names else {}
    for bags, values in zip(_of_other_widths(batch), beside[0 if batch.numbers is None else 1 :], strict=True):
        for at, name in enumerate(bags.fields):
            found[f"field_{name}"] = values[:, at * bags.dim : (at + 1) * bags.dim]
    return found


def _log_histories(batch: Batch) -> None:
    names = [bags.fields[0] for bags in batch.bags if bags.sequence and not bags.largest]
    if names:
        log.info(
            "the network attends over the tokens of %s, so that there is no one vector: left out", ", ".join(names)
        )


def _of_other_widths(batch: Batch) -> list[Bags]:
    return [bags for bags in batch.bags if bags.dim and (bags.largest or not bags.sequence)]


def split(vectors: Array, parts: Mapping[str, int]) -> dict[str, Array]:
    """The parts that stand in turn in the last dimension, by name."""
    ends = np.cumsum(list(parts.values()))
    return {name: vectors[..., end - width : end] for (name, width), end in zip(parts.items(), ends, strict=True)}


def save(arrays: dict[str, Array], path: Path) -> None:
    """Write arrays to a `.npz` file that has its name when it is whole."""
    temporary = path.with_name(f".{path.name}")
    try:
        with temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)
