"""Fields that a network does not see as one vector of its own width, in blocks of their own.

Histories are seen token by token, as bags of one token each, which the table pools like any others; so are fields
pooled by their largest. Fields of another width are pooled like the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from rec.config.interaction import Attended
from rec.data.batch import Bags
from rec.data.reader import Block
from rec.numeric import Array

_Made = TypeVar("_Made", Block, Bags)


@dataclass(frozen=True)
class Seen:
    """Which fields these are.

    Attributes:
        attended: histories that are attended over.
        largest: by name of a field that is pooled by its largest how many tokens it has at most.
        dims: by name of a field of another width that width.
    """

    attended: Attended = field(default_factory=Attended)
    largest: Mapping[str, int] = field(default_factory=dict)
    dims: Mapping[str, int] = field(default_factory=dict)

    def length(self, name: str) -> int | None:
        """How many of a field's tokens are seen, the last ones; None: it is pooled."""
        return self.attended.length if name in self.attended.queries else self.largest.get(name)

    def blocks(self, names: Sequence[str], shared: bool) -> Iterator[Block]:
        """The blocks that fields make: pooled ones by width, the network's first, and one for each of the others."""
        pooled = [name for name in names if self.length(name) is None]
        for dim in sorted({self.dims.get(name, 0) for name in pooled}):
            alike = tuple(name for name in pooled if self.dims.get(name, 0) == dim)
            yield Block(len(alike), shared, alike, dim=dim)
        for name in names:
            if length := self.length(name):
                largest = name not in self.attended.queries
                yield Block(length, shared, (name,), sequence=True, dim=self.dims.get(name, 0), largest=largest)


def blocks_of(groups: Iterable[tuple[Sequence[str], bool]], seen: Seen) -> tuple[Block, ...]:
    """The blocks of a reader with groups of fields, each shared or not: what `parted` makes of their bags."""
    return _pooled_first([block for names, shared in groups for block in seen.blocks(names, shared)])


def parted(groups: Iterable[tuple[Bags, Sequence[str]]], seen: Seen) -> tuple[Bags, ...]:
    """Bags with the names of their fields, in the blocks that they make.

    A sequence has L bags in a row: bag l holds the l-th of its last L tokens, oldest first, or nothing. Rows that
    impressions share stay shared.
    """
    found = []
    for bags, names in groups:
        blocks = list(seen.blocks(names, shared=False))
        for block in blocks:
            if block.sequence:
                made = _sequence(bags, names.index(block.fields[0]), block.num_field)
            else:
                made = bags if len(blocks) == 1 else _some(bags, [names.index(name) for name in block.fields])
            found.append(
                replace(made, fields=block.fields, sequence=block.sequence, dim=block.dim, largest=block.largest)
            )
    return _pooled_first(found)


def _pooled_first(blocks: list[_Made]) -> tuple[_Made, ...]:
    return tuple(sorted(blocks, key=lambda block: block.sequence))


def _some(bags: Bags, fields: list[int]) -> Bags:
    """Some of the fields."""
    lengths = np.diff(bags.offsets).reshape(-1, bags.num_field)
    kept = np.zeros(bags.num_field, bool)
    kept[fields] = True
    tokens = np.repeat(np.tile(kept, len(lengths)), lengths.reshape(-1))
    weights = None if bags.weights is None else bags.weights[tokens]
    return Bags(len(fields), bags.positions[tokens], _offsets(lengths[:, fields]), weights, bags.row_index)


def _sequence(bags: Bags, at: int, length: int) -> Bags:
    begin, end = bags.offsets[at : -1 : bags.num_field].astype(np.int64), bags.offsets[at + 1 :: bags.num_field]
    counts = np.minimum(end - begin, length)
    # Token i of a row is that many places before the end of its history.
    ends = np.cumsum(counts)
    places = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends, counts) + np.repeat(end, counts)
    weights = None if bags.weights is None else np.ones(len(places), np.float32)
    ones = (np.arange(length) < counts[:, None]).astype(np.int32)
    return Bags(length, bags.positions[places], _offsets(ones), weights, bags.row_index)


def _offsets(lengths: Array) -> Array:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
