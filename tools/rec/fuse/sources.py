"""Files of predictions, of one run or of several on the same rows, as one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from rec.console import log
from rec.errors import UserError

ID = "sample_id"
_FILE = "predictions.parquet"


def read_sources(
    sources: Sequence[str], labels: Sequence[str], more: Path | None, texts: Sequence[str] = ()
) -> pa.Table:
    """The columns of all files, side by side, by sample_id.

    Args:
        sources: files that `runner.predict_save_path` names, or folders of a run whose checkpoints hold the
            `predictions.parquet` of `runner.use_save_data`; with several, `NAME=FILE` gives a file's columns the name
            `NAME.column`, and a file's own name is the default.
        labels: columns that files must agree on.
        more: a file of further columns, by sample_id.
        texts: columns whose values are names, whatever they look like: in a .csv 007 and 7 are two.

    Raises:
        UserError: a file is missing, or has other rows, or other labels, or `more` has columns that are there.
    """
    named = [_named(source, len(sources) > 1) for source in sources]
    names = [name for name, _ in named]
    if len(set(names)) < len(names):
        raise UserError(f"several files are called {max(names, key=names.count)}: name them, as in ctr=FILE cvr=FILE")
    tables = [(name, read_file(path, texts), path) for name, path in named]
    _, first, path = tables[0]
    columns = {name: first[name] for name in first.column_names}
    for name, table, other in tables if len(tables) > 1 else ():
        beside = table if table is first else _aligned(first, table, f"{other}", f"{path}", same=True)
        for label in (label for label in labels if label in columns and label in beside.column_names):
            if not _equal(beside[label], columns[label]):
                raise UserError(f"{other}: has other values of {label} than {path}: predictions of other data")
        columns |= {f"{name}.{column}": beside[column] for column in _predictions(beside)}
    if more:
        beside = _aligned(first, read_file(more, texts), f"{more}", f"{path}", same=False)
        if twice := sorted(columns.keys() & set(beside.column_names) - {ID}):
            raise UserError(f"{more}: has a column {twice[0]}, which the predictions have too: leave one out")
        columns |= {name: beside[name] for name in beside.column_names if name != ID}
    return pa.table(columns)


def read_file(path: Path, texts: Sequence[str] = ()) -> pa.Table:
    """A file of rows with sample_ids that are all different.

    Raises:
        UserError: it is missing or is none.
    """
    try:
        as_texts = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys((ID, *texts), pa.string()))
        table = pq.read_table(path) if path.suffix == ".parquet" else pyarrow.csv.read_csv(path, None, None, as_texts)
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None
    if ID not in table.column_names:
        raise UserError(f"{path}: has no column {ID}; runner.predict_save_path names a file of predictions")
    table = table.set_column(table.column_names.index(ID), ID, table[ID].cast(pa.string()))
    if pc.count_distinct(table[ID]).as_py() < len(table):
        raise UserError(f"{path}: a {ID} stands in several rows, so that rows cannot be told apart")
    return table


def _named(source: str, several: bool) -> tuple[str, Path]:
    name, equals, rest = source.partition("=")
    path = Path(rest if equals and not Path(source).exists() else source)
    own = name if equals and not Path(source).exists() else path.stem
    if not path.is_dir():
        return own, path
    found = [path / _FILE] if (path / _FILE).is_file() else sorted(path.glob(f"*/{_FILE}"))
    if not found:
        raise UserError(
            f"{path}: holds no {_FILE}: run tools/infer.py with runner.use_save_data=true, which writes one beside the "
            "checkpoint, or give a file that runner.predict_save_path names"
        )
    newest = max(found, key=lambda file: file.stat().st_mtime)
    if len(found) > 1 or several:
        log.info("%s: %s", source, newest)
    return (path.name if own == path.stem else own), newest


def _predictions(table: pa.Table) -> list[str]:
    """Columns of fractions that are called as our networks' outputs are, `p<task>`."""
    return [name for name in table.column_names if name.startswith("p") and pa.types.is_floating(table[name].type)]


def _aligned(first: pa.Table, table: pa.Table, path: str, other: str, same: bool) -> pa.Table:
    places = pc.index_in(first[ID], value_set=table[ID].combine_chunks())
    if places.null_count:
        raise UserError(f"{path}: lacks {places.null_count:,} of the {len(first):,} rows of {other}, by {ID}")
    if same and len(table) != len(first):
        raise UserError(f"{path}: has {len(table):,} rows, {other} has {len(first):,}: predictions of other data")
    return table.take(places)


def _equal(a: pa.ChunkedArray, b: pa.ChunkedArray) -> bool:
    return bool(a.cast(pa.float64()).combine_chunks().equals(b.cast(pa.float64()).combine_chunks()))
