"""tools/score.py: a file of raw rows scored, some at a time."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from rec.config.suggest import did_you_mean
from rec.console import Bar, log
from rec.data.raw import Row
from rec.data.raw_table import RawTableReader
from rec.data.table_settings import read_settings
from rec.data.tables.source import TableSource
from rec.errors import UserError
from rec.scoring.scorer import MOST, Scorer

STANDARD = "-"


def score_file(path: Path, source: str, target: str, keep: Sequence[str]) -> None:
    """Write the predictions of raw rows, in their order, each with its number from 0 and the columns to keep.

    Raises:
        UserError: no such model or file, a row that cannot be scored, or a file that cannot be written.
    """
    _check_target(target)
    scorer = Scorer(path)
    unseen: dict[str, set[str]] = {}
    found: set[str] = set()
    rows = 0
    with Bar("scoring", None) as bar, _writer(target) as write:
        for part, names in _read(scorer, source, keep):
            begin, rows = rows, rows + len(part)
            found |= names
            predictions = scorer.score(part)
            for name, values in scorer.unseen(part).items():
                unseen.setdefault(name, set()).update(values)
            columns: dict[str, Any] = {"row": list(range(begin, rows))}
            columns |= {name: [row.get(name) for row in part] for name in keep}
            write(pa.table(columns | {name: pa.array(values) for name, values in predictions.items()}))
            bar.advance(len(part))
    _report(scorer, found, unseen, rows)


def _report(scorer: Scorer, found: set[str], unseen: dict[str, set[str]], rows: int) -> None:
    """What the rows lacked and had too much, and what training has not seen."""
    log.info("%d rows scored", rows)
    for name in scorer.columns:
        if rows and name not in found:
            log.warning("no row has %s: it is taken as empty%s", name, did_you_mean(name, found - set(scorer.columns)))
    for name, values in unseen.items():
        shown = ", ".join(sorted(values)[:3])
        log.info("%s: training has not seen %d of its values, such as %s", name, len(values), shown)


def _read(scorer: Scorer, source: str, keep: Sequence[str]) -> Iterator[tuple[list[Row], set[str]]]:
    """Rows some at a time, and the columns that they have."""
    if source == STANDARD or Path(source).suffix in (".jsonl", ".ndjson"):
        yield from _of_json(source)
        return
    reader = scorer.model.reader
    if isinstance(reader, RawTableReader):
        yield from _of_table(reader, source, keep)
        return
    if Path(source).suffix != ".parquet":
        raise UserError(f"{source}: this model's rows are lists of ids: give .jsonl or .parquet")
    try:
        for batch in pq.ParquetFile(source).iter_batches(MOST):
            yield batch.to_pylist(), set(batch.schema.names)
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{source}: cannot be read: {error}") from None


def _of_json(source: str) -> Iterator[tuple[list[Row], set[str]]]:
    with contextlib.ExitStack() as stack:
        try:
            file: TextIO = sys.stdin if source == STANDARD else stack.enter_context(Path(source).open(encoding="utf-8"))
            numbered = ((number, line) for number, line in enumerate(file, 1) if line.strip())
            while part := list(itertools.islice(numbered, MOST)):
                rows = [_row(line, f"{source}:{number}") for number, line in part]
                yield rows, {name for row in rows for name in row}
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{source}: cannot be read: {error}") from None


def _row(line: str, where: str) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: is no JSON: {error}") from None
    if not isinstance(row, dict):
        raise UserError(f"{where}: expected an object of values by column, found {line.strip()[:60]}")
    return row


def _of_table(reader: RawTableReader, source: str, keep: Sequence[str]) -> Iterator[tuple[list[Row], set[str]]]:
    """Rows of a file as a table's reader reads it: with its delimiter, its null words and so on."""
    nothing = {"test": None, "valid": None, "test_share": 0.0, "valid_share": 0.0, "sample_id": None, "common": None}
    settings = read_settings(reader.config.data).model_copy(update={**nothing, "labels": {}, "keep": list(keep)})
    table = TableSource([source], settings, keep=True, optional={*reader.columns, *settings.wanted()})
    absent = {name for name in reader.columns if table.lacks(name)}
    for fragment in table.fragments:
        for piece in table.read([fragment]).pieces:
            for at in range(0, piece.batch.num_rows, MOST):
                part = piece.batch.slice(at, MOST)
                yield part.to_pylist(), set(part.schema.names) - absent


@contextlib.contextmanager
def _writer(target: str) -> Iterator[Any]:
    """A function that writes a table's rows; a file has its name when all are written."""
    if target == STANDARD:
        yield lambda table: sys.stdout.writelines(_lines(table))
        return
    path = Path(target)
    temporary = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        with contextlib.ExitStack() as stack:
            yield _opened(path.suffix, temporary, stack)
        if temporary.exists():
            temporary.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _opened(suffix: str, path: Path, stack: contextlib.ExitStack) -> Any:
    if suffix == ".jsonl":
        file = stack.enter_context(path.open("w", encoding="utf-8"))
        return lambda table: file.writelines(_lines(table))
    kinds = {".parquet": pq.ParquetWriter, ".csv": pyarrow.csv.CSVWriter}
    opened: list[tuple[Any, pa.Schema]] = []

    def write(table: pa.Table) -> None:
        if not opened:
            opened.append((stack.enter_context(kinds[suffix](path, table.schema)), table.schema))
        writer, schema = opened[0]
        writer.write(table.cast(schema))

    return write


def _lines(table: pa.Table) -> Iterable[str]:
    return (json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in table.to_pylist())


def _check_target(target: str) -> None:
    if target != STANDARD and Path(target).suffix not in (".jsonl", ".csv", ".parquet"):
        raise UserError(f"--output {target} should end in .jsonl, .csv or .parquet, or be -")
    if target != STANDARD and not Path(target).parent.is_dir():
        raise UserError(f"--output {target}: {Path(target).parent} is no folder")
