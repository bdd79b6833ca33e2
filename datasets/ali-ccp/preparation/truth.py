"""The known truth of simulated data, where it lies beside the raw files."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from preparation.arrow import to_numpy
from rec.errors import UserError

_DTYPES = {"sample_id": np.int64, "p_click": np.float32, "p_conversion": np.float32}


class Truth:
    """p(click) and p(conversion | click) by sample id; on disk, because a file may be larger than memory."""

    def __init__(self, path: Path, folder: Path) -> None:
        """Spool the Parquet file ``path`` into ``folder``, which is made; its sample ids have to ascend."""
        folder.mkdir()
        self._path, self._files = path, {name: folder / name for name in _DTYPES}
        last = -1
        file = pq.ParquetFile(path)
        for group in range(file.num_row_groups):  # iter_batches would read far ahead
            table = file.read_row_group(group, list(_DTYPES))
            columns = {name: to_numpy(table[name]).astype(dtype) for name, dtype in _DTYPES.items()}
            sample = np.append(last, columns["sample_id"])
            if (sample[1:] <= sample[:-1]).any():
                raise UserError(f"{path}: sample_id does not ascend")
            for name, values in columns.items():
                with self._files[name].open("ab") as spool:
                    spool.write(values.tobytes())
            last = sample[-1]

    def take(self, sample: np.ndarray) -> dict[str, np.ndarray]:
        """float32 [n] by name for sample ids, int64 [n]; raises UserError for one that the file does not hold."""
        everything = np.memmap(self._files["sample_id"], np.int64, "r")
        start, end = np.searchsorted(everything, (sample.min(), sample.max() + 1)).tolist()
        near = self._column("sample_id", start, end)
        place = np.searchsorted(near, sample)
        missing = sample[np.append(near, -1)[place] != sample]
        if len(missing):
            raise UserError(f"{self._path}: no row for sample_id {missing[0]}, which the skeleton has")
        return {name: self._column(name, start, end)[place] for name in ("p_click", "p_conversion")}

    def _column(self, name: str, start: int, end: int) -> np.ndarray:
        dtype = np.dtype(_DTYPES[name])
        return np.fromfile(self._files[name], dtype, end - start, offset=start * dtype.itemsize)
