"""Predictions against known probabilities: what no log can show, since nobody sees an unclicked item's conversion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rec.metrics.task import Task
from rec.numeric import Array

GIVEN_INPUTS = "_given_inputs"
"""Ends the name of a truth column's mean over what no input of a network tells, such as p_click_given_inputs."""


@dataclass(frozen=True)
class TruthResult:
    """A task's predictions over all impressions, clicked or not, against the probabilities its labels came from.

    Attributes:
        truth: the columns whose product the true probability is. Where the data have a column's mean given the inputs,
            it stands for the column: nobody can predict what no input tells, such as an impression's position.
        auc: expected AUC if every impression's label were drawn from its true probability (see `soft_auc`).
        ceiling: the same of the true probabilities themselves: with these inputs nobody can do better.
        share_of_ceiling: (auc - 1/2) / (ceiling - 1/2).
        rmse: root of the mean squared difference of predicted and true probability.
        calibration: sum of predicted over sum of true probabilities.
        n: impressions.
    """

    truth: tuple[str, ...]
    auc: float | None
    ceiling: float | None
    share_of_ceiling: float | None
    rmse: float
    calibration: float | None
    n: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values by name, ready for JSON."""
        return asdict(self)


class TruthMetrics:
    """Collects predictions and true probabilities over a pass.

    Args:
        tasks: each names the columns whose product is its true probability: `cvr` is held against p(conversion | click)
            over the entire space, `ctcvr` against its product with p(click).
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = [task for task in tasks if task.truth]
        self._pairs: dict[str, list[tuple[Array, Array]]] = {}
        self._columns: dict[str, tuple[str, ...]] = {}

    def update(self, predicted: Mapping[str, Array], truth: Mapping[str, Array]) -> None:
        """Add a batch: `predicted` has `p<task>`, [B, 1]; `truth` float [B] each; what either lacks is left out.

        So is a prediction that is not finite.
        """
        for task in self._tasks:
            if f"p{task.name}" in predicted and truth.keys() >= set(task.truth):
                columns = tuple(c + GIVEN_INPUTS if c + GIVEN_INPUTS in truth else c for c in task.truth)
                self._columns[task.name] = columns
                true = np.prod([truth[column] for column in columns], axis=0)
                scores = np.array(predicted[f"p{task.name}"], np.float32).reshape(-1)
                finite = np.isfinite(scores)
                if finite.any():
                    self._pairs.setdefault(task.name, []).append((scores[finite], true[finite]))

    def accumulate(self) -> dict[str, TruthResult]:
        """The result of each task; empty where the data say no truth."""
        return {
            task: _result(self._columns[task], *(np.concatenate(side) for side in zip(*pairs, strict=True)))
            for task, pairs in self._pairs.items()
        }


def _result(columns: tuple[str, ...], predicted: Array, true: Array) -> TruthResult:
    auc, ceiling = soft_auc(predicted, true), soft_auc(true, true)
    share = (auc - 0.5) / (ceiling - 0.5) if auc is not None and ceiling is not None and ceiling != 0.5 else None
    difference = predicted.astype(np.float64) - true
    total = float(true.sum(dtype=np.float64))
    calibration = float(predicted.sum(dtype=np.float64)) / total if total else None
    rmse = float(np.sqrt(np.mean(difference**2)))
    return TruthResult(columns, auc, ceiling, share, rmse, calibration, len(true))


def soft_auc(scores: Array, p: Array) -> float | None:
    """Probability-weighted AUC of `scores` (float [n]) for labels that are 1 with probability `p` (float [n]).

    The sum over pairs i != j of p_i (1 - p_j) [s_i > s_j], ties counting 1/2, over the sum of p_i (1 - p_j). With p of
    0 and 1 it is the AUC. None where no pair has weight.
    """
    if not len(p):
        return None
    order = np.argsort(scores, kind="stable")
    p = p[order].astype(np.float64)
    q = 1.0 - p
    heads = np.flatnonzero(np.concatenate([[True], np.diff(scores[order]) != 0]))
    sizes = np.diff([*heads, len(p)])
    group_q = np.add.reduceat(q, heads)
    below = np.concatenate([[0.0], np.cumsum(group_q)[:-1]])
    own = float(p @ q)  # a pair of an impression with itself does not count
    weight = float(p.sum()) * float(q.sum()) - own
    if weight <= 0:
        return None
    wins = float(p @ np.repeat(below + group_q / 2, sizes)) - own / 2
    return wins / weight
