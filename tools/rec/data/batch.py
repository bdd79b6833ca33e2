"""What a reader hands to the training step: labels by name and ragged tokens by field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rec.numeric import Array


@dataclass
class Bags:
    """The tokens of a block of fields, in compressed rows: one bag per (row, field).

    A row is an impression, or a common row that several impressions share (`row_index`): its tokens are then stored,
    moved and pooled once.

    Attributes:
        num_field: F, how many fields the block has.
        positions: int32 [T], for each token the index of its id in the batch's `rows`.
        offsets: int32 [R * F + 1], bag r * F + f holds tokens offsets[r * F + f] to offsets[r * F + f + 1].
        weights: float32 [T], what each token's vector is multiplied by before it is summed; None: 1.
        row_index: int32 [B], the row of each impression; None: impression b is row b.
        fields: the fields' names.
        sequence: the block is one field, token by token: F is its greatest length, and bag f holds its f-th token, if
            it has so many.
        dim: width of its vectors; 0: the network's.
        largest: the network makes one vector of a sequence, the largest in each column.
    """

    num_field: int
    positions: Array
    offsets: Array
    weights: Array | None = None
    row_index: Array | None = None
    fields: tuple[str, ...] = ()
    sequence: bool = False
    dim: int = 0
    largest: bool = False

    @property
    def num_row(self) -> int:
        """R, the number of rows."""
        return (len(self.offsets) - 1) // self.num_field

    def as_fields(self) -> Bags:
        """A history as the one field that it is; other blocks as they are."""
        if not self.sequence:
            return self
        offsets = self.offsets[:: self.num_field]
        return Bags(1, self.positions, offsets, self.weights, self.row_index, self.fields, dim=self.dim)

    @property
    def lengths(self) -> Array:
        """Tokens in each row of a block, int64 [R]."""
        return np.diff(self.offsets[:: self.num_field]).astype(np.int64)


@dataclass(frozen=True)
class Everyone:
    """What all trainers that divide a batch have of it.

    Attributes:
        labels: float32 [n] each, by name, in the order of trainers.
        sizes: how many impressions each has.
        rank: whose the batch is.
        counts: what the readers met.
    """

    labels: dict[str, Array]
    sizes: tuple[int, ...]
    rank: int
    counts: dict[str, int]

    def __len__(self) -> int:
        return sum(self.sizes)


@dataclass
class Batch:
    """B impressions.

    Attributes:
        rows: int64 [N], the distinct ids of the batch: the only rows of the embedding table it reads and updates.
        bags: blocks of fields, in the order of the model's fields.
        labels: float32 [B] each, by name; NaN where a label is not given.
        sample_ids: bytes [B] (dtype S).
        numbers: float32 [B, N], the fields that are numbers; None: there are none.
        excluded: bool [B], impressions that are predicted but count in no metric (labels contradict); None: none.
        truth: float32 [B] each, the probabilities and means that simulated labels were drawn from, by name
            (`p_click`, `p_conversion`, ...); else empty.
        kept: Arrow's arrays [B] by name, columns that predictions pass on.
        by: [B] by `Column.key`, columns of a table that metrics ask for: uint64 hashes of groups, 0 where there is
            none; float64 numbers; Arrow's strings of values.
        columns: [B] each, what else the reader was asked for by name, as it is stored (`request_id` as int64).
        counts: what the reader met while it made this batch (dropped impressions, tokens of unlisted fields, ...).
        everyone: what the trainers that divide the batch have of it, of which all of the above is one's part; None:
            there is one trainer.
        asked: what these have told each other of their ids (`Table.exchange_ids`); None: nothing.
    """

    rows: Array
    bags: tuple[Bags, ...]
    labels: dict[str, Array]
    sample_ids: Array
    excluded: Array | None = None
    truth: dict[str, Array] = field(default_factory=dict)
    columns: dict[str, Array] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)
    by: dict[str, Any] = field(default_factory=dict)
    numbers: Array | None = None
    everyone: Everyone | None = None
    asked: Any = None

    def __len__(self) -> int:
        return len(self.sample_ids)

    @property
    def num_token(self) -> int:
        """Tokens stored in the batch; a common row's count once."""
        return sum(len(bags.positions) for bags in self.bags)

    @property
    def told(self) -> dict[str, Array]:
        """The labels that losses and metrics see, those of all trainers."""
        return self.labels if self.everyone is None else self.everyone.labels

    @property
    def own_rows(self) -> Array:
        """The distinct ids whose rows this part of the batch moves: none where it weighs nothing."""
        idle = self.everyone is not None and not self.everyone.sizes[self.everyone.rank]
        return self.rows[:0] if idle else self.rows

    def counted(self, values: Array) -> Array:
        """`values` [B] of the impressions that count in metrics."""
        return values if self.excluded is None else np.asarray(values)[~self.excluded]


def batch_length(batch: Any) -> int:
    """Impressions in a batch of ours (of all trainers), or of PaddleRec's: a list of arrays, or arrays by name."""
    if isinstance(batch, Batch) and batch.everyone is not None:
        return len(batch.everyone)
    if isinstance(batch, Mapping):
        batch = list(batch.values())
    return len(batch[0]) if isinstance(batch, list) else len(batch)
