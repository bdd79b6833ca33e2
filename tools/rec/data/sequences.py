"""Histories that a network sees token by token: bags of one token each, which the table pools like any others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from rec.config.interaction import Attended
from rec.data.batch import Bags
from rec.data.reader import Block
from rec.numeric import Array


def blocks_of(groups: Iterable[tuple[Sequence[str], bool]], attended: Attended) -> tuple[Block, ...]:
    """The blocks of a reader with groups of fields, each shared or not: what `parted` makes of their bags."""
    pooled, histories = [], []
    for names, shared in groups:
        rest = tuple(name for name in names if name not in attended.queries)
        if rest:
            pooled.append(Block(len(rest), shared, rest))
        histories += [
            Block(attended.length, shared, (name,), sequence=True) for name in names if name in attended.queries
        ]
    return (*pooled, *histories)


def parted(groups: Iterable[tuple[Bags, Sequence[str]]], attended: Attended) -> tuple[Bags, ...]:
    """Bags with the names of their fields, the attended ones in blocks of their own.

    Such a block has L bags in a row: bag l holds the l-th of its last L tokens, oldest first, or nothing. Rows that
    impressions share stay shared.
    """
    pooled, histories = [], []
    for bags, names in groups:
        wanted = [at for at, name in enumerate(names) if name in attended.queries]
        rest = [at for at in range(len(names)) if at not in wanted]
        if rest:
            pooled.append(_some(bags, names, rest) if wanted else _named(bags, names))
        histories += [_sequence(bags, names[at], at, attended.length) for at in wanted]
    return (*pooled, *histories)


def _named(bags: Bags, names: Sequence[str]) -> Bags:
    return Bags(bags.num_field, bags.positions, bags.offsets, bags.weights, bags.row_index, tuple(names))


def _some(bags: Bags, names: Sequence[str], fields: list[int]) -> Bags:
    """Some of the fields."""
    lengths = np.diff(bags.offsets).reshape(-1, bags.num_field)
    kept = np.zeros(bags.num_field, bool)
    kept[fields] = True
    tokens = np.repeat(np.tile(kept, len(lengths)), lengths.reshape(-1))
    weights = None if bags.weights is None else bags.weights[tokens]
    return Bags(
        len(fields), bags.positions[tokens], _offsets(lengths[:, fields]), weights, bags.row_index,
        tuple(names[at] for at in fields),
    )  # fmt: skip


def _sequence(bags: Bags, name: str, at: int, length: int) -> Bags:
    begin, end = bags.offsets[at : -1 : bags.num_field].astype(np.int64), bags.offsets[at + 1 :: bags.num_field]
    counts = np.minimum(end - begin, length)
    # Token i of a row is that many places before the end of its history.
    ends = np.cumsum(counts)
    places = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends, counts) + np.repeat(end, counts)
    weights = None if bags.weights is None else np.ones(len(places), np.float32)
    ones = (np.arange(length) < counts[:, None]).astype(np.int32)
    return Bags(length, bags.positions[places], _offsets(ones), weights, bags.row_index, (name,), sequence=True)


def _offsets(lengths: Array) -> Array:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
