"""Rows of ragged fields in memory, and the rows of a batch taken out of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rec.kernels import bags as kernels
from rec.numeric import Array


@dataclass(frozen=True)
class Ragged:
    """R rows of F fields of any number of tokens.

    Attributes:
        num_field: F.
        offsets: int32 [R * F + 1], where the tokens of each row's fields begin.
        ids: int32 [T].
        values: float32 [T], what the data set says of each token; None where nothing is needed.
    """

    num_field: int
    offsets: Array
    ids: Array
    values: Array | None

    def take(self, rows: Array) -> Ragged:
        """The given rows (int64 [N]), in that order."""
        count = kernels.count_tokens(rows, self.num_field, self.offsets)
        offsets, ids = np.empty(len(rows) * self.num_field + 1, np.int32), np.empty(count, np.int32)
        kernels.take_rows(rows, self.num_field, self.offsets, self.ids, offsets, ids)
        if self.values is None:
            return Ragged(self.num_field, offsets, ids, None)
        values = np.empty(count, np.float32)
        kernels.take_rows(rows, self.num_field, self.offsets, self.values, offsets, values)
        return Ragged(self.num_field, offsets, ids, values)

    def fields(self, first: int, end: int) -> Ragged:
        """Some fields of all rows, from number `first` to before `end`."""
        lengths = np.diff(self.offsets).reshape(-1, self.num_field)
        kept = (np.arange(self.num_field) >= first) & (np.arange(self.num_field) < end)
        tokens = np.repeat(np.tile(kept, len(lengths)), lengths.reshape(-1))
        offsets = np.concatenate([[0], np.cumsum(lengths[:, first:end])]).astype(np.int32)
        values = None if self.values is None else self.values[tokens]
        return Ragged(end - first, offsets, self.ids[tokens], values)

    @staticmethod
    def concatenate(parts: list[Ragged]) -> Ragged:
        """The rows of all parts, in order."""
        if len(parts) == 1:
            return parts[0]
        bags, total = sum(len(part.offsets) - 1 for part in parts), sum(len(part.ids) for part in parts)
        _check_size(total)
        offsets = np.zeros(bags + 1, np.int32)
        bag = token = 0
        for part in parts:
            np.add(part.offsets, token, out=offsets[bag : bag + len(part.offsets)], dtype=np.int32)
            bag, token = bag + len(part.offsets) - 1, token + len(part.ids)
        values = [part.values for part in parts if part.values is not None]
        return Ragged(
            parts[0].num_field,
            offsets,
            np.concatenate([part.ids for part in parts]),
            np.concatenate(values) if values else None,
        )

    @classmethod
    def from_fields(cls, fields: list[tuple[Array, Array, Array | None]], with_values: bool, max_len: int) -> Ragged:
        """From each field's (starts int64 [R + 1], ids [T_f], values float32 [T_f] or None for ones).

        Of each row's tokens in a field the first `max_len` are kept; 0 keeps all.
        """
        if not fields:
            return cls(0, np.zeros(1, np.int32), np.empty(0, np.int32), None)
        lengths = np.stack([np.diff(starts) for starts, _, _ in fields], axis=1)
        if max_len:
            lengths = np.minimum(lengths, max_len)
        total = int(lengths.sum())
        _check_size(total)
        offsets = np.concatenate([[0], np.cumsum(lengths.reshape(-1))]).astype(np.int32)
        ids = np.empty(total, np.int32)
        values = np.ones(total, np.float32) if with_values else None
        for index, (starts, tokens, weights) in enumerate(fields):
            kernels.scatter_field(tokens, starts, index, len(fields), offsets, ids)
            if values is not None and weights is not None:
                kernels.scatter_field(weights, starts, index, len(fields), offsets, values)
        return cls(len(fields), offsets, ids, values)


def _check_size(tokens: int) -> None:
    if tokens > np.iinfo(np.int32).max:
        raise ValueError(f"{tokens} tokens in one piece; at most 2^31 - 1 fit")
