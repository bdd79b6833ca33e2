"""A part as Parquet files: per number one of exposures and one of common rows, whose row groups belong together."""

import hashlib
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from preparation.rows import fields_of
from preparation.tables import Tables

FILE_GROUPS = 8
"""Row groups per file: about half a million exposures, so that a million keep four threads busy."""
# zstd 1 writes as fast as lz4 and takes 2/3 of its room; ids compress better without a dictionary, log counts with one.
_PARQUET = {"compression": "zstd", "compression_level": 1}


@dataclass(frozen=True)
class Written:
    """A finished file."""

    path: str
    """Relative to the data set's folder."""
    rows: int
    stored: np.ndarray
    """int64 [fields]: tokens."""
    unknown: np.ndarray
    """int64 [fields]: tokens whose id is out of vocabulary."""
    sha256: str


class _Hashed:
    """A new file that knows the SHA-256 of what was written to it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._sha256 = hashlib.sha256()

    @property
    def closed(self) -> bool:
        return self._file.closed

    def write(self, data: bytes) -> int:
        self._sha256.update(data)
        return self._file.write(data)

    def tell(self) -> int:
        return self._file.tell()

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def hexdigest(self) -> str:
        return self._sha256.hexdigest()


def write_part(
    tables: Tables, folder: Path, pool: Executor, advance: Callable[[float], object]
) -> list[tuple[Written, Written]]:
    """Write all of a part's files into its folder under ``folder``: (exposures, common rows) by number.

    ``advance`` is told of every row group half its exposures, for each of the two files.
    """
    (folder / tables.part.name).mkdir()
    count = len(tables.part.groups)
    files = [range(first, min(first + FILE_GROUPS, count)) for first in range(0, count, FILE_GROUPS)]
    jobs = [
        [pool.submit(_write_file, tables, folder, number, groups, common, advance) for common in (False, True)]
        for number, groups in enumerate(files)
    ]
    try:
        return [(own.result(), common.result()) for own, common in jobs]
    finally:
        for job in (job for pair in jobs for job in pair):
            job.cancel()


def _write_file(
    tables: Tables, folder: Path, number: int, groups: range, common: bool, advance: Callable[[float], object]
) -> Written:
    """Write one file, row group by row group."""
    path = f"{tables.part.name}/{'common' if common else 'exposures'}-{number:05d}.parquet"
    file = _Hashed(folder / path)
    values = [f"{name}_value.list.element" for name in sorted(tables.weighted)]
    made = tables.common(groups) if common else tables.own(groups)
    first = next(made)
    rows, counts = 0, np.zeros((2, len(fields_of(common))), np.int64)
    with pq.ParquetWriter(file, first.table.schema, **_PARQUET, use_dictionary=values) as writer:
        for group in chain([first], made):
            writer.write_table(group.table)
            rows, counts = rows + len(group.table), counts + np.stack((group.stored, group.unknown))
            advance(group.exposures / 2)
    file.close()
    return Written(path, rows, counts[0], counts[1], file.hexdigest())
