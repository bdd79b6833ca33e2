"""The rows of the embedding table that a field has, and what each of them stands for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rec.config.suggest import did_you_mean
from rec.console import log
from rec.data.field_values import BETWEEN
from rec.data.prepared_schema import read_schema
from rec.data.vocabulary import Vocabulary
from rec.errors import UserError
from rec.scoring.checkpoint import Checkpoint
from rec.vectors.counted import counted

AND = " & "
"""Between the two values of a cross, as it is shown."""


def field_rows(checkpoint: Checkpoint, names: Sequence[str]) -> Iterator[tuple[str, pa.Table]]:
    """Each field's rows, in the order of their ids; all fields with rows of their own where none is named.

    A table has the columns

        kind: `value`; `unknown`, the field's row for values that training has not seen; `bucket`, a row that several
            values share by their hash; or `id`, of lines of text, whose values are ids.
        value: string, the original one; null of a bucket and of the unknown row.
        id: int64, the row.
        count: int64, how often it occurred in training; null where that was not kept.

    Raises:
        UserError: a field is none of the model's, or has no vectors; or data that are needed for it are not there.
    """
    vocabulary = checkpoint.reader.vocabulary
    if vocabulary is not None:
        return _each(vocabulary, checkpoint, names)
    own = [str(name) for name in checkpoint.config.hyper_parameters["fields"]]
    _check(names, own, ())
    if checkpoint.prepared is not None:
        return _of_prepared(checkpoint.prepared, names or own)
    return counted(checkpoint, names or own)


def _each(vocabulary: Vocabulary, checkpoint: Checkpoint, names: Sequence[str]) -> Iterator[tuple[str, pa.Table]]:
    _check(names, list(vocabulary.values), list(vocabulary.scales))
    for name in names or vocabulary.values:
        if not names and name in vocabulary.shares:
            log.info("field %s has the vectors of field %s: left out", name, vocabulary.own(name))
            continue
        yield name, _of_vocabulary(vocabulary, name)


def _check(names: Sequence[str], known: Sequence[str], numbers: Sequence[str]) -> None:
    for name in names:
        if name in numbers and name not in known:
            raise UserError(f"--field {name}: is a number for the network, and has no vectors")
        if name not in known:
            raise UserError(f"--field {name}: the model has no such field{did_you_mean(name, known)}")


def _of_vocabulary(vocabulary: Vocabulary, name: str) -> pa.Table:
    own, first = vocabulary.own(name), vocabulary.offset(name)
    known, size = vocabulary.values[own], vocabulary.size(own)
    if known is None:
        log.warning(
            "field %s: its ids are hashes of its values, %s rows that several values share: the values are not known",
            name,
            f"{size - 1:,}",
        )
        return _table("bucket", [None] * (size - 1), range(first, first + size))
    counts = vocabulary.counts.get(own, [])
    texts = _intervals(vocabulary.edges[own], known) if own in vocabulary.edges else known
    shown = [text.replace(BETWEEN, AND) for text in texts]
    return _table("value", shown, range(first, first + size), counts if len(counts) == len(known) else None)


def _intervals(edges: Sequence[float], buckets: Sequence[str]) -> list[str]:
    """What numbers each bucket of a number's has."""
    bounds = [-np.inf, *edges, np.inf]
    return [f"[{bounds[int(bucket)]:g}, {bounds[int(bucket) + 1]:g})" for bucket in buckets]


def _of_prepared(folder: Path, names: Sequence[str]) -> Iterator[tuple[str, pa.Table]]:
    """Original ids, from vocabulary.parquet."""
    offsets = {field.name: field.offset for field in read_schema(folder / "schema.json").fields}
    path = folder / "vocabulary.parquet"
    try:
        table = pq.read_table(path, columns=["field", "original_id", "id", "count"])
    except (OSError, KeyError, pa.ArrowException) as error:
        raise UserError(f"{path}: is no vocabulary of prepared data: {error}") from None
    for name in names:
        own = table.filter(pc.equal(table["field"], name)).sort_by("id")
        values, ids = own["original_id"].cast(pa.string()).to_pylist(), own["id"].to_pylist()
        yield name, _table("value", values, [offsets[name], *ids], own["count"].to_pylist())


def _table(
    kind: str, values: Sequence[str | None], ids: Sequence[int], counts: Sequence[int] | None = None
) -> pa.Table:
    """The unknown row, and behind it those of some values."""
    known = pa.nulls(len(values), pa.int64()) if counts is None else pa.array(counts, pa.int64())
    found: dict[str, Any] = {
        "kind": ["unknown", *[kind] * len(values)],
        "value": pa.array([None, *values], pa.string()),
        "id": pa.array(ids, pa.int64()),
        "count": pa.concat_arrays([pa.nulls(1, pa.int64()), known]),
    }
    return pa.table(found)
