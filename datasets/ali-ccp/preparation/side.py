"""Columns that lie beside the raw files, keyed by sample id: the known truth of simulated data, and behaviours."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from behaviours import BEHAVIOURS
from preparation.arrow import to_numpy
from rec.errors import UserError

TRUTH = {"p_click": np.float32, "p_conversion": np.float32}
MORE_TRUTH = {"p_click_given_inputs": np.float32}
"""Taken along where it is there: files written before it was lack it."""


def side_columns(raw: Path, split: str, folder: Path) -> list["SideColumns"]:
    """What lies beside a split's raw files, spooled into folders under ``folder``."""
    truth, behaviours = raw / f"truth_{split}.parquet", raw / f"behaviours_{split}.parquet"
    sides = []
    if truth.exists():
        more = {name: dtype for name, dtype in MORE_TRUTH.items() if name in _names(truth)}
        sides.append(SideColumns(truth, folder / "truth", TRUTH | more))
    if behaviours.exists():
        present = _names(behaviours)
        wanted = {name: dtype for name, dtype in BEHAVIOURS.items() if name in present}
        if not wanted:
            raise UserError(f"{behaviours}: holds none of the columns {', '.join(BEHAVIOURS)}")
        sides.append(SideColumns(behaviours, folder / "behaviours", wanted))
    return sides


class SideColumns:
    """A file's columns by sample id; on disk, because a file may be larger than memory."""

    def __init__(self, path: Path, folder: Path, columns: Mapping[str, type]) -> None:
        """Spool ``columns`` (name to type) of the Parquet file ``path`` into ``folder``, which is made.

        Raises UserError where a column lacks or misses values, or sample ids do not ascend.
        """
        folder.mkdir()
        self.names, self.highest = tuple(columns), dict.fromkeys(columns, 0.0)
        self._path, self._dtypes = path, {"sample_id": np.int64} | dict(columns)
        self._files = {name: folder / name for name in self._dtypes}
        absent = [name for name in self._dtypes if name not in _names(path)]
        if absent:
            raise UserError(f"{path}: has no column {absent[0]}")
        last = -1
        file = pq.ParquetFile(path)
        for group in range(file.num_row_groups):  # iter_batches would read far ahead
            table = file.read_row_group(group, list(self._dtypes))
            values = {name: self._values(table[name], name) for name in self._dtypes}
            sample = np.append(last, values["sample_id"])
            if (sample[1:] <= sample[:-1]).any():
                raise UserError(f"{path}: sample_id does not ascend")
            for name, column in values.items():
                with self._files[name].open("ab") as spool:
                    spool.write(column.tobytes())
            for name in self.names:
                self.highest[name] = max(self.highest[name], values[name].max(initial=0))
            last = sample[-1]

    def _values(self, column: pa.ChunkedArray, name: str) -> np.ndarray:
        if column.null_count or not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            raise UserError(f"{self._path}: {name} should be a number in every row")
        return to_numpy(column).astype(self._dtypes[name])

    def take(self, sample: np.ndarray) -> dict[str, np.ndarray]:
        """The columns [n] by name for sample ids, int64 [n]; raises UserError for one that the file does not hold."""
        everything = np.memmap(self._files["sample_id"], np.int64, "r")
        start, end = np.searchsorted(everything, (sample.min(), sample.max() + 1)).tolist()
        near = self._column("sample_id", start, end)
        place = np.searchsorted(near, sample)
        missing = sample[np.append(near, -1)[place] != sample]
        if len(missing):
            raise UserError(f"{self._path}: no row for sample_id {missing[0]}, which the skeleton has")
        return {name: self._column(name, start, end)[place] for name in self.names}

    def _column(self, name: str, start: int, end: int) -> np.ndarray:
        dtype = np.dtype(self._dtypes[name])
        return np.fromfile(self._files[name], dtype, end - start, offset=start * dtype.itemsize)


def _names(path: Path) -> list[str]:
    try:
        return pq.read_schema(path).names
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None
