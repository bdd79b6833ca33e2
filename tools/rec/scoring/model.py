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

    def batch(self, rows: Sequence[Row], user: Row | None = None) -> Batch:
        """Raw rows as the model reads them.

        Args:
            user: what each row has besides, unless it says otherwise itself. What rows share is then read once.

        Raises:
            UserError: a value is none that its column may hold.
        """
        if user is None:
            return self.reader.batch(rows)
        alike = not any(name in row for row in rows for name in self.reader.shared_columns)
        return self.reader.batch([{**user, **row} for row in rows], user if alike else None)
