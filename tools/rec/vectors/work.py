"""What tools/embeddings.py does once its options are in order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from rec.console import log
from rec.errors import UserError
from rec.scoring.checkpoint import Checkpoint, ForeignError, chosen
from rec.vectors.fields import field_rows
from rec.vectors.impressions import impressions, save
from rec.vectors.nearest import nearest, place_of
from rec.vectors.picture import draw
from rec.vectors.write import write


def work(
    path: Path,
    names: Sequence[str],
    out: Path | None,
    count: int | None,
    neighbours: int | None,
    values: Sequence[str],
    picture: Path | None,
) -> None:
    """Write, search and draw what is asked for.

    Raises:
        UserError: no such model, field or value, or a file that cannot be written.
    """
    checkpoint = open_checkpoint(path)
    if count is not None and out:
        found = impressions(checkpoint, count)
        save(found, out)
        shapes = ", ".join(f"{name} {list(values.shape)}" for name, values in found.items())
        log.info("written: %s (%s)", out.resolve(), shapes)
        return
    fields = field_rows(checkpoint, names)
    if neighbours or picture:
        name, rows = next(fields)
        fields = iter([(name, rows)])
        if neighbours:
            _print(checkpoint, name, rows, neighbours, values)
        if picture:
            draw(checkpoint, name, rows, picture)
            log.info("drawn: %s", picture.resolve())
    if out:
        write(checkpoint, fields, out)
        log.info("written: %s", out.resolve())


def open_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint that a path names.

    Raises:
        UserError: it is none of a model of ours, or is damaged.
    """
    if (path / "export.json").is_file():
        raise UserError(f"{path}: is an exported model: give the checkpoint that it was made of")
    if not path.is_dir():
        raise UserError(f"{path}: no such folder; expected a checkpoint, or a folder of checkpoints")
    try:
        return Checkpoint(path if (path / "state.json").is_file() else chosen(path))
    except ForeignError as error:
        raise UserError(
            f"{error}; of PaddleRec's directories runner.use_out_vec with runner.emb_weight_name and "
            "runner.out_vec_path writes an embedding after training"
        ) from None


def _print(checkpoint: Checkpoint, name: str, rows: pa.Table, count: int, values: Sequence[str]) -> None:
    """Lines `value, vector, rank, neighbour, cosine, count` between tabs, below a header."""
    places = [place_of(checkpoint, name, rows, value) for value in values]
    print("\t".join((name, "vector", "rank", "neighbour", "cosine", "count")))
    for value, place in zip(values, places, strict=True):
        rank = 0
        part = ""
        for each in nearest(checkpoint, rows, place, count):
            rank = rank + 1 if each.part == part else 1
            part = each.part
            row = rows.slice(each.row, 1).to_pylist()[0]
            text = row["value"] if row["value"] is not None else f"bucket {row['id']}"
            print(value, part, rank, text, f"{each.cosine:.4f}", "" if row["count"] is None else row["count"], sep="\t")
