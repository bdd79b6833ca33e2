"""Files that appear when they are complete, and work that is done by threads yet comes out in order."""

import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rec.errors import UserError

_UNFINISHED = ".unfinished"
_ROW_GROUP = 1 << 18
Task, Result = TypeVar("Task"), TypeVar("Result")


@contextmanager
def all_or_nothing(folder: Path, force: bool) -> Iterator[Path]:
    """A hidden folder to write into; its files move to `folder` when the block ends, and vanish when it fails.

    Raises:
        UserError: the folder holds something and `force` is not given, which replaces files of the same names.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file, expected a folder to write to")
    present = sorted(path.name for path in folder.iterdir() if path.name != _UNFINISHED) if folder.exists() else []
    if present and not force:
        raise UserError(f"{folder} is not empty (holds {present[0]}): give another folder, or --force to write over it")
    unfinished = folder / _UNFINISHED
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
        names = [path.relative_to(unfinished) for path in sorted(unfinished.rglob("*")) if path.is_file()]
        for name in names:  # first all old ones go: what lies there is of one run, whenever this is cut short
            (folder / name).unlink(missing_ok=True)
        for name in names:
            (folder / name).parent.mkdir(exist_ok=True)
            (unfinished / name).rename(folder / name)
    finally:
        shutil.rmtree(unfinished)


def in_order(work: Callable[[Task], Result], tasks: Iterable[Task], threads: int) -> Iterator[Result]:
    """work(task) of every task, in the tasks' order; no more than threads + 2 results wait to be taken."""
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for task in tasks:
            pending.append(pool.submit(work, task))
            if len(pending) > threads + 1:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


class ColumnFile:
    """A Parquet file of columns, sample_id the first."""

    def __init__(self, path: Path, columns: Mapping[str, pa.DataType]) -> None:
        self.writer = pq.ParquetWriter(path, pa.schema({"sample_id": pa.int64()} | columns), compression="zstd")
        self.waiting: list[pa.Table] = []

    def __enter__(self) -> "ColumnFile":
        return self

    def __exit__(self, *_: Any) -> None:
        self._flush()
        self.writer.close()

    def add(self, *columns: np.ndarray) -> None:
        """Append exposures: the columns, (n,) each, in the file's order."""
        self.waiting.append(pa.table(list(columns), schema=self.writer.schema))
        if sum(map(len, self.waiting)) >= _ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self.waiting:
            self.writer.write_table(pa.concat_tables(self.waiting))
            self.waiting.clear()
