"""The rows of one embedding: those of a batch are caught up, read and moved, the others wait."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from rec.data.distinct import DistinctIds
from rec.errors import UserError
from rec.kernels import deferred as kernels
from rec.numeric import Array
from rec.optimize.moved import Moved
from rec.optimize.rule import Rule
from rec.parallel import cuts, parallel_map

LARGE = 100_000
"""An embedding of so many rows is moved by rows also where it is not sparse: a step through all of it takes longer than
the rest of the step."""

_LEAST_ROWS = 512
"""Fewer rows are not worth a thread."""


class Rows(Moved):
    """An embedding's weight, moved by rows.

    Weights come out as a dense optimizer makes them of the same gradients, but for rounding, and but for the moves of a
    row that has rested so long that they are less than 1e-9 of its first (198 steps with Adam's default betas).

    Args:
        weight: float32 [V, D], the parameter's own memory: it is moved in place.
        rule: how it moves.
        name: the embedding's, for messages.
        padding: the id that stands for nothing; None: there is none.
    """

    def __init__(self, weight: Array, rule: Rule, name: str, padding: int | None) -> None:
        super().__init__(weight, rule)
        self.name, self.padding = name, padding
        self._last = np.zeros(len(weight) if rule.moves_at_rest else 0, np.int32)
        self._distinct = DistinctIds(len(weight))
        self._forget()

    def distinct(self, *blocks: Array) -> tuple[Array, list[Array]]:
        """Distinct ids over blocks of any shape, int64 [N], and each id's place among them, int32 in the blocks'
        shapes. The padding id, if there is one, is always the first. The caller has checked the ids.
        """
        flat = [np.ravel(ids) for ids in blocks]
        rows, places = self._distinct(*([] if self.padding is None else [np.array([self.padding])]), *flat)
        own = places if self.padding is None else places[1:]
        return rows, [place.reshape(ids.shape) for place, ids in zip(own, blocks, strict=True)]

    def pull(self, rows: Array) -> Array:
        """Their present weights, float32 [N, D]."""
        if self.rule.moves_at_rest:
            self._catch_up(rows)
        return self.weight[rows]

    def push(self, rows: Array, gradient: Array, rate: float) -> None:
        """One step with learning rate `rate`: rows int64 [N], distinct and pulled before, gradient float32 [N, D]."""
        line = self.begin_step(rate)
        now = self._remember(line)
        if self.padding is not None:
            real = rows != self.padding
            rows, gradient = rows[real], gradient[real]
        parallel_map(kernels.update, [self.job(rows[cut], gradient[cut], line) for cut in cuts(len(rows), _LEAST_ROWS)])
        if self.rule.moves_at_rest:
            self._last[rows] = now

    @property
    def behind(self) -> bool:
        """Whether some rows may not be up to date."""
        return self._now > 0

    def settle(self) -> None:
        """Catch up every row, as a checkpoint and an evaluation need it."""
        if not self.behind:
            return
        for start in range(0, len(self.weight), 1 << 16):
            self._catch_up(np.arange(start, min(start + (1 << 16), len(self.weight))))
        self._forget()

    def _catch_up(self, rows: Array) -> None:
        shared = (self.rule.kind, self.weight, *self._states, self._last)
        history = (self._now, self.rule.limit, self._lines, self._kept, self.rule.constants)
        parallel_map(kernels.catch_up, [(*shared, rows[cut], *history) for cut in cuts(len(rows), _LEAST_ROWS)])

    def _forget(self) -> None:
        """Begin the history of steps anew: every row is up to date."""
        self._now = 0
        self._last[:] = 0
        self._lines = np.zeros((1024, 3), np.float32)
        self._kept = np.zeros(1024)

    def _remember(self, line: Array) -> int:
        """Note a step; its number in the history."""
        if not self.rule.moves_at_rest:
            return 0
        self._now += 1
        if self._now == len(self._lines):
            self._lines = np.concatenate([self._lines, np.zeros_like(self._lines)])
            self._kept = np.concatenate([self._kept, np.zeros_like(self._kept)])
        self._lines[self._now] = line
        self._kept[self._now] = self._kept[self._now - 1] + (math.log1p(-line[2]) if line[2] < 1 else -np.inf)
        return self._now

    def states(self) -> dict[str, Array]:
        self.settle()
        return super().states()

    def take(self, states: Mapping[str, Array]) -> None:
        self._forget()
        super().take(states)


def padding_row(padding_idx: int | None, size: int) -> int | None:
    """The id that stands for nothing in an embedding of `size` rows; a negative one counts from the end."""
    return None if padding_idx is None else padding_idx % size


def check_ids(ids: Array, size: int, name: str) -> None:
    """Refuse ids that an embedding of `size` rows has no row for; Paddle would read, and write, foreign memory.

    Raises:
        UserError: naming the first such id.
    """
    if not ids.size or (ids.min() >= 0 and ids.max() < size):
        return
    bad = ids[(ids < 0) | (ids >= size)].flat[0]
    raise UserError(
        f"embedding {name} has {size} rows (ids 0 to {size - 1}), the data holds id {bad}: enlarge it in the config "
        "(often hyper_parameters.sparse_feature_number), or mend the data"
    )


def merged(pieces: Sequence[tuple[Array, Array]], rows: Rows) -> tuple[Array, Array]:
    """One gradient of several lookups' (rows int64 [N_i], gradient float32 [N_i, D])."""
    if len(pieces) == 1:
        return pieces[0]
    distinct, places = rows.distinct(*(ids for ids, _ in pieces))
    total = np.zeros((len(distinct), rows.weight.shape[1]), np.float32)
    for place, (_, gradient) in zip(places, pieces, strict=True):
        total[place] += gradient  # a piece's rows are distinct
    return distinct, total
