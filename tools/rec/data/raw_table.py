"""Raw rows as batches, with a table's vocabulary: what a model is asked about after training."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from rec.data import columns
from rec.data.batch import Batch
from rec.data.distinct import DistinctIds
from rec.data.encode import Encoder
from rec.data.encoded import Encoded
from rec.data.encoded_reader import EncodedReader
from rec.data.labels import Judged
from rec.data.plan import ReadPlan
from rec.data.raw import Row, as_table
from rec.data.shared import keys_by_tokens
from rec.data.table import Table
from rec.errors import UserError
from rec.numeric import Array

_PLAN = ReadPlan(batch_size=1, training=False)


class RawTableReader(EncodedReader):
    """Encodes rows that it is handed; it has no files. Of labels it reads those that the network predicts from.

    Fields that rows may share (`data.common`) are held once for rows whose values there are the same.

    Attributes:
        columns: names of the columns that it reads.
    """

    def open(self, file_list: list[str]) -> None:
        super().open(file_list)
        assert self.vocabulary is not None
        settings = self._settings
        # Who is asked about the past knows no split, and names its rows itself.
        nothing: dict[str, Any] = {
            "test": None,
            "valid": None,
            "test_share": 0.0,
            "valid_share": 0.0,
            "sample_id": None,
            "labels": {},
        }
        wanted = {name: settings.numbers[name] for name in self.labels if name in settings.numbers}
        labels = {name: settings.labels[name] for name in self.labels if name in settings.labels}
        self._inputs = {**wanted, **labels}
        self.settle(self.vocabulary)
        own = settings.model_copy(update={**nothing, "numbers": {}, "common": None})
        self.columns = tuple(dict.fromkeys([*own.wanted(), *self._inputs.values()]))
        self._encode = Encoder(
            settings, self.vocabulary, (), self.rules, "keep", "weighted" in self._poolings, self._max_len
        )

    def read(self, part: Any) -> Encoded:
        """It has no parts."""
        raise NotImplementedError

    def batch(self, rows: Sequence[Row] | Table) -> Batch:
        """A batch of all rows.

        Raises:
            UserError: a value is none that its column may hold, or the network needs one that is empty.
        """
        table = self._table(rows)
        tokens = self._encode.tokens(table)
        shared = len(self._settings.shared)
        number = np.arange(len(table))
        encoded = Encoded(
            tokens,
            Judged(self._labels(table), np.zeros(len(table), bool), {}),
            pa.array(number),
            None,
            number,
            self._encode.numbers(table),
            keys=keys_by_tokens(tokens.fields(0, shared)) if shared else None,
        )
        return self._batch(encoded, _PLAN, self._distinct)

    def unknown_values(self, rows: Sequence[Row] | Table) -> dict[str, list[str]]:
        """By field the values, each once, that the vocabulary does not know; nothing of hashed fields."""
        table = self._table(rows)
        return {name: texts for name, texts in self._encode.unknown(table).items() if texts}

    def _table(self, rows: Sequence[Row] | Table) -> Table:
        return rows if isinstance(rows, Table) else as_table(rows, self.columns, self._settings.null_values)

    @cached_property
    def _distinct(self) -> DistinctIds:
        return DistinctIds(self.num_id)

    def _labels(self, table: Table) -> dict[str, Array]:
        found = {}
        for name, column in self._inputs.items():
            values = columns.label_column(table, column, self.rules.kinds.get(name, "number"))
            if np.isnan(values).any():
                row = int(np.argmax(np.isnan(values)))
                raise UserError(f"{table.where(row)}: column {column} is empty, and the model predicts from it")
            found[name] = values
        return found
