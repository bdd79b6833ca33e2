"""Files of columns, and work that is done by threads yet comes out in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

_ROW_GROUP = 1 << 18
Task, Result = TypeVar("Task"), TypeVar("Result")


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
