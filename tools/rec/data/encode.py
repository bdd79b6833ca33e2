"""The fields of a user's table as ids."""

from __future__ import annotations

import pyarrow.compute as pc

from rec.console import log
from rec.data import columns
from rec.data.ragged import Ragged
from rec.data.spelling import doubt
from rec.data.table import Table
from rec.data.table_settings import DataSettings, FieldColumn
from rec.data.unseen import Unseen
from rec.data.vocabulary import Vocabulary, known_values


def build_vocabulary(table: Table, settings: DataSettings) -> Vocabulary:
    """The vocabulary of a table's rows; says what is odd about its fields."""
    values: dict[str, list[str] | None] = {}
    edges = {}
    for name, given in settings.fields.items():
        field = given or FieldColumn()
        if field.buckets:
            edges[name] = columns.quantile_edges(table, name, field)
        _, texts = columns.lists_of_text(table, name, field, edges.get(name))
        odd = None if field.buckets else doubt(table.types[field.column or name], pc.unique(texts))
        if odd:
            log.warning("field %s %s (data.fields.%s.buckets cuts numbers into ranges)", name, odd, name)
        hashed = settings.hash_size and not field.buckets  # buckets are few and known: none need share an id
        values[name] = None if hashed else known_values(texts, settings.min_count)
        if not len(texts):
            log.warning("field %s: its column is empty in all rows, so it says nothing", name)
        elif values[name] == []:
            log.warning("field %s: all its values occur fewer than data.min_count times, so it says nothing", name)
    return Vocabulary(values, settings.hash_size, edges)


def encode(
    table: Table, settings: DataSettings, vocabulary: Vocabulary, with_values: bool, max_len: int
) -> tuple[Ragged, dict[str, Unseen]]:
    """All fields' ids, row by row, and by field what the vocabulary does not know; nothing of hashed fields."""
    fields, unseen = [], {}
    for name, given in settings.fields.items():
        field = given or FieldColumn()
        starts, texts = columns.lists_of_text(table, name, field, vocabulary.edges.get(name))
        weights = None
        if with_values and field.weights:
            weights = columns.lists_of_weights(table, name, field, vocabulary.edges.get(name))
        ids = vocabulary.ids(name, texts)
        fields.append((starts, ids, weights))
        if vocabulary.values[name] is not None:
            unseen[name] = Unseen.of(texts, ids == vocabulary.offset(name), settings.min_count)
    return Ragged.from_fields(fields, with_values, max_len), unseen
