"""Rows of a user's table as ids and labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rec.config.behaviours import REQUEST, LabelKind
from rec.config.metrics import Column
from rec.console import log
from rec.data import columns
from rec.data.by import column_values
from rec.data.encoded import Encoded, together
from rec.data.field_values import last, values_of
from rec.data.labels import Judged, LabelRules, Policy
from rec.data.ragged import Ragged
from rec.data.rates import rate_column
from rec.data.scale import scaled
from rec.data.shared import keys_of
from rec.data.table import Table
from rec.data.table_settings import DataSettings
from rec.data.unseen import Unseen
from rec.data.vocabulary import Vocabulary
from rec.numeric import Array


@dataclass(frozen=True)
class Encoder:
    """Makes ids and labels of rows.

    Args:
        settings: which columns are what.
        vocabulary: what ids are of.
        labels: names of the label columns that are read.
        rules, policy: what is known of them, and what becomes of contradictions.
        weighted: whether tokens have weights.
        max_len: tokens kept per row and field; 0: all.
        keep: columns that predictions pass on.
        training: whether rates leave out what the row itself says.
        by: columns that metrics ask for, and what each is called in the table; None: none.
    """

    settings: DataSettings
    vocabulary: Vocabulary
    labels: tuple[str, ...]
    rules: LabelRules
    policy: Policy
    weighted: bool
    max_len: int
    keep: Sequence[str] = ()
    training: bool = False
    by: Mapping[Column, str] | None = None

    def __call__(self, table: Table, first: int) -> Encoded:
        """Rows, the first of which is number `first` of all that are read.

        Raises:
            UserError: a value is none that a column may hold, naming file and row.
        """
        known = {**self.settings.labels, **self.settings.numbers}
        requests = columns.text_column(table, known[REQUEST]) if REQUEST in self.labels else None
        tokens = self.tokens(table)
        return Encoded(
            tokens,
            judged(table, self.settings, self.labels, self.rules, self.policy),
            _sample_ids(table, self.settings),
            None if requests is None else _in_one(requests),
            np.arange(first, first + len(table)),
            self.numbers(table),
            {name: together([values for _, values in table.column(name)]) for name in self.keep},
            keys_of(table, self.settings, tokens),
            {column.key: column_values(table, column, name) for column, name in (self.by or {}).items()},
        )

    def tokens(self, table: Table, names: Sequence[str] | None = None) -> Ragged:
        """The ids of some fields, or all, row by row."""
        fields, known = [], self.settings.ids
        for name in known if names is None else names:
            field = known[name]
            edges = self.vocabulary.edges.get(name)
            starts, texts = values_of(table, name, self.settings, edges)
            weights = None
            if self.weighted and field.weighs:
                weights = columns.lists_of_weights(table, name, field, edges)
                if field.sequence:
                    weights = weights[last(columns.lists_of_text(table, name, field, edges)[0], field.sequence)[1]]
            fields.append((starts, self.vocabulary.ids(name, texts), weights))
        return Ragged.from_fields(fields, self.weighted, self.max_len)

    def numbers(self, table: Table) -> Array | None:
        """The fields that are numbers, float32 [R, N]; None: there are none."""
        found: list[Array] = []
        for name, field in self.settings.scaled.items():
            if field.statistic:
                given = rate_column(table, name, self.settings, self.vocabulary.rates[name], self.training)
            else:
                given = columns.numbers(table, field.column or name)
            found += scaled(given, field, self.vocabulary.scales[name])
        return np.stack(found, axis=1) if found else None

    def unseen(self, tables: Iterable[Table]) -> dict[str, Unseen]:
        """By field what the vocabulary does not know of some rows; nothing of hashed fields."""
        names = self._with_values
        chunks: dict[str, list[pa.Array]] = {name: [] for name in names}
        for table in tables:
            for name in names:
                chunks[name] += values_of(table, name, self.settings, self.vocabulary.edges.get(name))[1].chunks
        found = {}
        for name in names:
            texts = pa.chunked_array(chunks[name], pa.string())
            unknown = self.vocabulary.ids(name, texts) == self.vocabulary.offset(name)
            least = self.settings.least(name)
            found[name] = Unseen.of(texts, unknown, least, self.settings.grow_vocabulary)
        return found

    def unknown(self, table: Table) -> dict[str, list[str]]:
        """By field the values, each once, that the vocabulary does not know; nothing of hashed fields."""
        found = {}
        for name in self._with_values:
            texts = pc.unique(values_of(table, name, self.settings, self.vocabulary.edges.get(name))[1])
            known = self.vocabulary.ids(name, pa.chunked_array([texts])) != self.vocabulary.offset(name)
            found[name] = texts.filter(pa.array(~known)).to_pylist()
        return found

    @property
    def _with_values(self) -> list[str]:
        """The fields whose values are told apart."""
        return [name for name in self.settings.ids if self.vocabulary.known(name) is not None]


def judged(table: Table, settings: DataSettings, names: tuple[str, ...], rules: LabelRules, policy: Policy) -> Judged:
    """The labels of a table's rows."""
    kinds: Mapping[str, LabelKind] = {**dict.fromkeys(settings.labels, "binary"), **rules.kinds}
    known = {**settings.labels, **settings.numbers}
    labels = {
        name: columns.label_column(table, known[name], kinds.get(name, "number")) for name in names if name != REQUEST
    }
    return rules.judge(labels, policy, table.where)


def _sample_ids(table: Table, settings: DataSettings) -> pa.Array:
    if settings.sample_id is None:
        return pa.array(table.number)
    texts = _in_one(columns.text_column(table, settings.sample_id))
    empty = pc.sum(pc.equal(texts, "")).as_py()
    if empty:
        log.warning(
            "data.sample_id: column %s is empty in %d of %d rows, which nothing names in predictions, and which "
            "compare.py takes for one impression", settings.sample_id, empty, len(texts),
        )  # fmt: skip
    return texts


def _in_one(texts: pa.ChunkedArray) -> pa.Array:
    """In one piece, which 64-bit offsets allow whatever its size."""
    return texts.cast(pa.large_string()).combine_chunks()
