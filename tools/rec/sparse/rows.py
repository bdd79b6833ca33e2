"""The rows of one embedding: those of a batch are caught up, read and moved, the others wait."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from rec.errors import UserError
from rec.kernels import deferred as kernels
from rec.kernels.distinct import number
from rec.numeric import Array
from rec.parallel import parallel_map, threads
from rec.sparse.rule import Rule

_POWERS = ("beta1_pow_acc_0", "beta2_pow_acc_0")
"""Paddle's names of the powers of Adam's betas, float32 [1] each."""

_LEAST_ROWS = 512
"""Fewer rows are not worth a thread."""


class Rows:
    """An embedding's weight and its optimizer's states.

    Weights come out as a dense optimizer makes them of the same gradients, but for rounding, and but for the moves of a
    row that has rested so long that they are less than 1e-9 of its first (198 steps with Adam's default betas).

    Args:
        weight: float32 [V, D], the parameter's own memory: it is moved in place.
        rule: how it moves.
        name: the embedding's, for messages.
        padding: the id that stands for nothing; None: there is none.

    Attributes:
        steps: how many steps the optimizer has taken.
        fresh: whether it has taken none, and was loaded with none.
    """

    def __init__(self, weight: Array, rule: Rule, name: str, padding: int | None) -> None:
        self.weight, self.rule, self.name, self.padding = weight, rule, name, padding
        self.steps, self.fresh = 0, True
        # np.zeros takes memory only as rows are touched; what a rule does not use has one row.
        self._states = [np.zeros(weight.shape if state else (1, weight.shape[1]), np.float32) for state in rule.states]
        if rule.initial:
            self._states[0][:] = rule.initial
        self._last = np.zeros(len(weight) if rule.moves_at_rest else 0, np.int32)
        self._slot = np.full(len(weight), -1, np.int32)
        self._forget()

    def distinct(self, *blocks: Array) -> tuple[Array, list[Array]]:
        """Distinct ids over blocks of any shape, int64 [N], and each id's place among them, int64 in the blocks'
        shapes. The padding id, if there is one, is always the first. The caller has checked the ids.
        """
        flat = [np.ravel(ids) for ids in blocks]
        if self.padding is not None:
            flat.insert(0, np.array([self.padding]))
        rows, found, places = np.empty(sum(map(len, flat)), np.int64), 0, []
        for ids in flat:
            place = np.empty(len(ids), np.int64)
            found = number(ids, self._slot, rows, found, place)
            places.append(place)
        rows = rows[:found].copy()
        self._slot[rows] = -1
        own = places if self.padding is None else places[1:]
        return rows, [place.reshape(ids.shape) for place, ids in zip(own, blocks, strict=True)]

    def pull(self, rows: Array) -> Array:
        """Their present weights, float32 [N, D]."""
        if self.rule.moves_at_rest:
            self._catch_up(rows)
        return self.weight[rows]

    def push(self, rows: Array, gradient: Array, rate: float) -> None:
        """One step with learning rate `rate`: rows int64 [N], distinct and pulled before, gradient float32 [N, D]."""
        self.steps, self.fresh = self.steps + 1, False
        line = self.rule.line(self.steps, rate)
        now = self._remember(line)
        shared = (self.rule.kind, self.weight, *self._states)
        kept = gradient if self.padding is None else gradient[rows != self.padding]
        moved = rows if self.padding is None else rows[rows != self.padding]
        now_line = np.array(line, np.float32)
        jobs = [(*shared, moved[cut], kept[cut], now_line, self.rule.constants) for cut in _cuts(len(moved))]
        parallel_map(kernels.update, jobs)
        if self.rule.moves_at_rest:
            self._last[moved] = now

    @property
    def behind(self) -> bool:
        """Whether some rows may not be up to date."""
        return self._now > 0

    def settle(self) -> None:
        """Catch up every row, as a checkpoint and an evaluation need it."""
        if self.behind:
            for start in range(0, len(self.weight), 1 << 16):
                self._catch_up(np.arange(start, min(start + (1 << 16), len(self.weight))))
        self._forget()

    def _catch_up(self, rows: Array) -> None:
        shared = (self.rule.kind, self.weight, *self._states, self._last)
        history = (self._now, self.rule.limit, self._lines, self._kept, self.rule.constants)
        parallel_map(kernels.catch_up, [(*shared, rows[cut], *history) for cut in _cuts(len(rows))])

    def _forget(self) -> None:
        """Begin the history of steps anew: every row is up to date."""
        self._now = 0
        self._last[:] = 0
        self._lines = np.zeros((1024, 3), np.float32)
        self._kept = np.zeros(1024)

    def _remember(self, line: tuple[float, float, float]) -> int:
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

    @property
    def state_names(self) -> list[str]:
        """Paddle's names of the optimizer's states."""
        return [*filter(None, self.rule.states), *([] if self.rule.betas is None else _POWERS)]

    def states(self) -> dict[str, Array]:
        """The optimizer's states by Paddle's names, as if it had been dense."""
        self.settle()
        pairs = zip(self.rule.states, self._states, strict=True)
        found = {name: state for name, state in pairs if name is not None}
        if self.rule.betas is not None:
            # Paddle keeps the powers that the next step will use.
            powers = [np.array([beta ** (self.steps + 1)], np.float32) for beta in self.rule.betas]
            found |= dict(zip(_POWERS, powers, strict=True))
        return found

    def take(self, states: dict[str, Array]) -> None:
        """Copy in what is given of `states()`; the caller has checked names and shapes."""
        self._forget()
        self.fresh = self.fresh and not states
        for name, state in zip(self.rule.states, self._states, strict=True):
            if name in states:
                state[:] = states[name]
        if self.rule.betas is not None and set(_POWERS) <= states.keys():
            self.steps = _steps([float(states[name].ravel()[0]) for name in _POWERS], self.rule.betas)


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


def _steps(powers: Sequence[float], betas: Sequence[float]) -> int:
    """How many steps have been taken, from what the betas' powers are after them; 0 tells of many."""
    beta, power = max(zip(betas, powers, strict=True))
    if not 0 < beta < 1:
        return 0
    return max(0, round(math.log(max(power, 1e-45)) / math.log(beta)) - 1)


def _cuts(size: int) -> list[slice]:
    parts = max(1, min(threads(), size // _LEAST_ROWS))
    return [slice(a, b) for a, b in pairwise(size * i // parts for i in range(parts + 1))]
