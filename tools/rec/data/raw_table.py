"""Raw rows as batches, with a table's vocabulary: what a model is asked about after training."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from rec.data import columns
from rec.data.batch import Batch
from rec.data.distinct import DistinctIds
from rec.data.encode import Encoder
from rec.data.encoded import Encoded
from rec.data.encoded_reader import EncodedReader
from rec.data.raw import Row, as_table
from rec.data.sequences import parted
from rec.data.shared import Group, keys_by_tokens
from rec.data.table import Table
from rec.errors import UserError
from rec.numeric import Array


class RawTableReader(EncodedReader):
    """Encodes rows that it is handed; it has no files. Of labels it reads those that the network predicts from.

    Fields that rows may share (`data.common`) are held once for rows whose values there are the same.

    Attributes:
        columns: names of the columns that it reads.
        shared_columns: those that the fields are read from that rows may share.
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
        self._read = settings.model_copy(update={**nothing, "numbers": {}, "common": None})
        self.shared_columns = self._columns(settings.shared)
        self._own_columns = self._columns([name for name in settings.fields if name not in settings.shared])
        self.columns = tuple(dict.fromkeys([*self._read.wanted(), *self._inputs.values()]))
        self._encode = Encoder(
            settings, self.vocabulary, (), self.rules, "keep", "weighted" in self._poolings, self._max_len
        )

    def _columns(self, names: Sequence[str]) -> tuple[str, ...]:
        """Those that some fields are read from."""
        fields = self._read.columns_of
        parts = [each for name in names for each in fields[name].cross or [name]]
        return tuple(self._read.model_copy(update={"fields": {name: fields[name] for name in parts}}).wanted())

    def read(self, part: Any) -> Encoded:
        """It has no parts."""
        raise NotImplementedError

    def batch(self, rows: Sequence[Row] | Table, user: Row | None = None) -> Batch:
        """A batch of all rows.

        Args:
            user: what all rows have in `shared_columns`, which is then not looked for in them.

        Raises:
            UserError: a value is none that its column may hold, or the network needs one that is empty.
        """
        if user is None or not self.shared_columns:
            table = self._table(rows)
            tokens, shared = self._encode.tokens(table), len(self._settings.shared)
            groups = self._grouped(tokens, keys_by_tokens(tokens.fields(0, shared)) if shared else None)
        else:
            table = self._table(rows, (*self._own_columns, *self._inputs.values()))
            groups = self._of_user(user, table)
        ids, bags = self._bags(groups, self._distinct)
        blocks = parted(zip(bags, [group for group, _ in self._groups], strict=True), self._seen)
        return Batch(ids, blocks, self._labels(table), np.arange(len(table)), numbers=self._encode.numbers(table))

    def _of_user(self, user: Row, table: Table) -> list[Group]:
        """The fields that rows share, of one row, and the others of each."""
        names, shared = list(self._settings.ids), len(self._settings.shared)
        common = self._encode.tokens(self._table([user], self.shared_columns), names[:shared])
        own = self._encode.tokens(table, names[shared:])
        return [(common, np.zeros(len(table), np.int32)), *([(own, None)] if own.num_field else [])]

    def unknown_values(self, rows: Sequence[Row] | Table) -> dict[str, list[str]]:
        """By field the values, each once, that the vocabulary does not know; nothing of hashed fields."""
        table = self._table(rows)
        return {name: texts for name, texts in self._encode.unknown(table).items() if texts}

    def example(self, number: int) -> dict[str, Any]:
        """A row of values that the vocabulary knows; another number, another row, as far as there are values."""
        assert self.vocabulary is not None
        found: dict[str, Any] = {}
        for name, field in self._settings.ids.items():
            known: Sequence[Any] = self.vocabulary.edges.get(name) or self.vocabulary.known(name) or ()
            if known and not field.cross:
                found.setdefault(field.column or name, known[number % len(known)])
        return found

    def _table(self, rows: Sequence[Row] | Table, names: Sequence[str] = ()) -> Table:
        if isinstance(rows, Table):
            return rows
        return as_table(rows, dict.fromkeys(names or self.columns), self._settings.null_values)

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
