"""What becomes of a batch's gradients between the backward pass and the optimizers, where that is more than nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rec.data.batch import Batch
from rec.engine.clip import Clip
from rec.numeric import Array


@dataclass(frozen=True)
class Update:
    """What is to move.

    Attributes:
        batch: the table's rows that do, as those of a batch.
        rows: their gradients, as `Table.collect` gives them.
        dense: gradients of the network's parameters by name.
    """

    batch: Batch
    rows: list[Any]
    dense: dict[str, Any]


class Gathered:
    """`optimizer.accumulate` batches make one update, by the mean of their gradients, each counted by its impressions,
    and that mean is clipped (`Clip`).

    A batch's gradient is that of its mean losses: it is as if the batches were one where all tasks' labels are known of
    the same share of impressions in each, and no layer looks at the whole batch.

    Args:
        batches: how many make an update.
        clip: shortens gradients; None: nothing does.
    """

    def __init__(self, batches: int, clip: Clip | None) -> None:
        self.batches, self._clip = batches, clip
        self._waiting: list[tuple[Batch, Sequence[Array], Update]] = []

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> Gathered | None:
        """What an optimizer's section asks for; None where it asks for nothing."""
        batches, clip = section.get("accumulate", 1), Clip.of(section)
        return cls(batches, clip) if clip or batches > 1 else None

    def add(self, update: Update, ids: Sequence[Array], divided: bool = False) -> Update | None:
        """A batch's gradients; the update that is complete with them, if one is.

        Args:
            update: what they alone would move.
            ids: int64 [N], the table's rows that the batch holds, for each width.
            divided: whether several trainers have some of these rows each.
        """
        if self.batches > 1:
            dense = {name: each * 1.0 for name, each in update.dense.items()}
            kept = Update(update.batch, [np.array(each) for each in update.rows], dense)
            self._waiting.append((update.batch, ids, kept))
            return self.rest() if len(self._waiting) == self.batches else None
        return self._clipped(update, divided)

    def rest(self) -> Update | None:
        """The update of the batches that wait for others; None where there are none."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return None
        total = sum(len(batch) for batch, _, _ in waiting)
        shares = [np.float32(len(batch) / total) for batch, _, _ in waiting]
        dense: dict[str, Any] = {}
        for share, (_, _, update) in zip(shares, waiting, strict=True):
            for name, each in update.dense.items():
                part = each * float(share)
                dense[name] = dense[name] + part if name in dense else part
        all_ids, all_rows = [], []
        for width in range(len(waiting[0][1])):
            ids = np.unique(np.concatenate([found[width] for _, found, _ in waiting]))
            rows = np.zeros((len(ids), waiting[0][2].rows[width].shape[1]), np.float32)
            for share, (_, found, update) in zip(shares, waiting, strict=True):
                rows[np.searchsorted(ids, found[width])] += share * update.rows[width]
            all_ids.append(ids)
            all_rows.append(rows)
        batch = Batch(np.concatenate(all_ids), (), {}, np.empty(0, "S1"))
        return self._clipped(Update(batch, all_rows, dense))

    def _clipped(self, update: Update, divided: bool = False) -> Update:
        if self._clip is None:
            return update
        count = len(update.rows)
        found = self._clip([*update.rows, *update.dense.values()], count if divided else 0)
        return Update(update.batch, found[:count], dict(zip(update.dense, found[count:], strict=True)))
