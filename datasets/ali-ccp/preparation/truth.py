"""The known truth of simulated data, where it lies beside the raw files."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from rec.errors import UserError

COLUMNS = ("p_click", "p_conversion")


class Truth:
    """p(click) and p(conversion | click) by sample id: 16 bytes per exposure in memory."""

    def __init__(self, path: Path) -> None:
        table = pq.read_table(path, columns=["sample_id", *COLUMNS])
        self._path = path
        self._sample = table["sample_id"].to_numpy()
        self._chances = {name: table[name].to_numpy().astype(np.float32, copy=False) for name in COLUMNS}
        if (self._sample[1:] < self._sample[:-1]).any():
            order = np.argsort(self._sample)
            self._sample = self._sample[order]
            self._chances = {name: chance[order] for name, chance in self._chances.items()}

    def take(self, sample: np.ndarray) -> dict[str, np.ndarray]:
        """float32 [n] by name for sample ids, int64 [n]; raises UserError for one that the file does not hold."""
        place = np.minimum(np.searchsorted(self._sample, sample), len(self._sample) - 1)
        missing = sample[self._sample[place] != sample]
        if len(missing):
            raise UserError(f"{self._path}: no row for sample_id {missing[0]}, which the skeleton has")
        return {name: chance[place] for name, chance in self._chances.items()}
