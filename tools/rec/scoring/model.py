"""What scores a batch: a trained network, or one that was exported."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from rec.data.batch import Batch
from rec.data.raw import Row
from rec.data.raw_ids import RawIdReader
from rec.data.raw_table import RawTableReader
from rec.numeric import Array

RawReader = RawIdReader | RawTableReader


class Model(ABC):
    """A model and what reads its rows.

    Attributes:
        reader: makes batches of raw rows.
    """

    reader: RawReader

    @abstractmethod
    def predict(self, batch: Batch) -> dict[str, Array]:
        """Predictions by name, float32 [B] each."""

    def batch(self, rows: Sequence[Row]) -> Batch:
        """Raw rows as the model reads them.

        Raises:
            UserError: a value is none that its column may hold.
        """
        return self.reader.batch(rows)
