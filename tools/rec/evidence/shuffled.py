"""Test rows in memory, one field of which is dealt out anew: what permutation importance scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rec.data.batch import Bags, Batch
from rec.numeric import Array


@dataclass(frozen=True)
class _Block:
    """A block of fields of all rows: as `Bags`, but with ids in place of positions, and every row's number."""

    bags: Bags
    ids: Array
    offsets: Array
    weights: Array | None
    row: Array


class Pool:
    """N rows.

    Args:
        batches: of the test data, in order.
        numbers: names of the fields that are numbers.
    """

    def __init__(self, batches: Sequence[Batch], numbers: Sequence[str] = ()) -> None:
        self.batches, self._numbers = batches, tuple(numbers)
        self._ends = np.cumsum([0, *map(len, batches)])
        self._blocks = [_joined([(batch, batch.bags[at]) for batch in batches]) for at in range(len(batches[0].bags))]

    def __len__(self) -> int:
        return int(self._ends[-1])

    @property
    def fields(self) -> list[str]:
        """All that there are, numbers last."""
        return [*dict.fromkeys(name for block in self._blocks for name in block.bags.fields), *self._numbers]

    def dealt(self, field: str, order: Array) -> Iterator[Batch]:
        """The batches, in which row i has the tokens of row `order[i]` in a field, and its own in the others.

        Args:
            order: int64 [N], a permutation of the rows.
        """
        for batch, first, end in zip(self.batches, self._ends, self._ends[1:], strict=False):
            taken = order[first:end]
            if field in self._numbers:
                yield replace(batch, numbers=self._with_number(batch, self._numbers.index(field), taken))
            else:
                yield self._with_tokens(batch, field, int(first), int(end), taken)

    def _with_number(self, batch: Batch, at: int, taken: Array) -> Array:
        assert batch.numbers is not None
        found = batch.numbers.copy()
        found[:, at] = np.concatenate([each.numbers[:, at] for each in self.batches if each.numbers is not None])[taken]
        return found

    def _with_tokens(self, batch: Batch, field: str, first: int, end: int, taken: Array) -> Batch:
        ids, bags = [], []
        for own, block in zip(batch.bags, self._blocks, strict=True):
            if field in own.fields:
                tokens, own = _taken(block, field, slice(first, end), taken)
            else:
                tokens = batch.rows[own.positions]
            ids.append(tokens)
            bags.append(own)
        rows, positions = np.unique(np.concatenate(ids), return_inverse=True)
        cuts = np.cumsum([len(tokens) for tokens in ids])[:-1]
        parts = np.split(positions.astype(np.int32), cuts)
        dealt = tuple(replace(own, positions=part) for own, part in zip(bags, parts, strict=True))
        return replace(batch, rows=rows.astype(np.int64), bags=dealt)


def _joined(parts: Sequence[tuple[Batch, Bags]]) -> _Block:
    ids = np.concatenate([batch.rows[bags.positions] for batch, bags in parts])
    tokens = np.cumsum([0, *(len(bags.positions) for _, bags in parts)])
    rows = np.cumsum([0, *(bags.num_row for _, bags in parts)])
    starts = [bags.offsets[:-1] + start for (_, bags), start in zip(parts, tokens, strict=False)]
    weights = [bags.weights for _, bags in parts if bags.weights is not None]
    row = [
        (np.arange(bags.num_row) if bags.row_index is None else bags.row_index) + start
        for (_, bags), start in zip(parts, rows, strict=False)
    ]
    return _Block(
        parts[0][1], ids, np.concatenate([*starts, tokens[-1:]]).astype(np.int64),
        np.concatenate(weights) if weights else None, np.concatenate(row).astype(np.int64),
    )  # fmt: skip


def _taken(block: _Block, field: str, own: slice, taken: Array) -> tuple[Array, Bags]:
    """Of some impressions the tokens' ids, int64 [T], and their bags; those of the field are other impressions'."""
    width = block.bags.num_field
    columns = np.arange(width)
    bag = block.row[own][:, None] * width + columns
    moved = columns if block.bags.sequence else columns[[block.bags.fields.index(field)]]
    bag[:, moved] = block.row[taken][:, None] * width + moved
    bag = bag.reshape(-1)
    starts, lengths = block.offsets[bag], block.offsets[bag + 1] - block.offsets[bag]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    tokens = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
    weights = None if block.weights is None else block.weights[tokens]
    bags = replace(block.bags, offsets=offsets.astype(np.int32), weights=weights, row_index=None)
    return block.ids[tokens], bags
