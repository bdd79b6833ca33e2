"""Fields that rows of a table share: whose they are, whether they do, and a batch's rows of them once."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from rec.data import columns
from rec.data.lookup import text_hashes
from rec.data.ragged import Ragged
from rec.data.table import Table
from rec.data.table_settings import DataSettings
from rec.errors import UserError
from rec.hashing import mix
from rec.numeric import Array

Group: TypeAlias = tuple[Ragged, Array | None]
"""Fields' tokens, and the row of them that each impression has, int32 [B]; None: each has its own."""


def keys_of(table: Table, settings: DataSettings, tokens: Ragged) -> Array | None:
    """Whose row each is, uint64 [R]; None where rows share nothing.

    Raises:
        UserError: rows of one user, or request, differ in a field that they are said to share.
    """
    if settings.common is None:
        return None
    keys = np.zeros(len(table), np.uint64)
    for column in settings.common.columns:
        texts = columns.text_column(table, column)
        keys = mix(keys ^ np.concatenate([np.empty(0, np.uint64), *map(text_hashes, texts.chunks)]))
    for number, name in enumerate(list(settings.ids)[: len(settings.shared)]):
        _check(table, settings.common.columns, keys, tokens.fields(number, number + 1), name)
    return keys


def _check(table: Table, by: list[str], keys: Array, tokens: Ragged, name: str) -> None:
    """Each row against the first one of its key, by a hash of its tokens and their weights."""
    digest = _digests(tokens)
    _, first, of_row = np.unique(keys, return_index=True, return_inverse=True)
    odd = np.flatnonzero(digest != digest[first[of_row]])
    if len(odd):
        row, other = int(odd[0]), int(first[of_row[odd[0]]])
        raise UserError(
            f"{table.where(row)}: field {name} is another than in {table.where(other)}, of the same "
            f"{' and '.join(by)}: leave it out of data.common.fields"
        )


def keys_by_tokens(tokens: Ragged) -> Array:
    """The same for rows that nothing names: rows whose fields hold the same tokens share them, uint64 [R]."""
    keys = np.zeros((len(tokens.offsets) - 1) // tokens.num_field, np.uint64)
    for field in _digests(tokens).reshape(-1, tokens.num_field).T:
        keys = mix(keys ^ field)
    return keys


def _digests(tokens: Ragged) -> Array:
    """uint64 [R * F], a hash of each row's tokens in each field, their weights and their order."""
    before = np.repeat(tokens.offsets[:-1], np.diff(tokens.offsets))
    each = mix(np.arange(len(tokens.ids)) - before) ^ tokens.ids.astype(np.uint64)
    if tokens.values is not None:
        each = mix(each) ^ tokens.values.view(np.uint32)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mix(each), dtype=np.uint64)])
    return np.asarray(sums[tokens.offsets[1:]] - sums[tokens.offsets[:-1]])


def once(keys: Array, tokens: Ragged, shared: int) -> tuple[Ragged, Ragged, Array]:
    """A batch's rows of the first `shared` fields once for each key, all rows of the others, and the row of each
    impression, int32 [B]."""
    _, first, of_row = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)  # as they come
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    common = tokens.take(first[order].astype(np.int64)).fields(0, shared)
    return common, tokens.fields(shared, tokens.num_field), place[of_row]
