"""The losses of a behaviour, from its prediction and its labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, TypeAlias

import paddle

from rec.config.behaviours import REQUEST, Behaviour
from rec.errors import UserError
from rec.nn.events import Objective
from rec.nn.graph import Graph
from rec.nn.masks import filled, known, masked_mean
from rec.nn.pointwise import FocalProbability, Pointwise
from rec.nn.probability import Probability
from rec.nn.ranking import joint_loss, listwise_loss, pairwise_loss
from rec.nn.regression import RegressionHead
from rec.nn.weighting import LEARNED

Output: TypeAlias = Probability | RegressionHead


def level_of(tower: str) -> str:
    """The name of a tower's level among logits; no tower has such a name."""
    return f"{tower}.level"


class JointProbability(Probability):
    """The chance that a tower of two logits says, see `joint_loss`; `level` float [B, 1] is the other one."""

    def __init__(self, logit: Any, level: Any, on_host: bool = False) -> None:
        super().__init__(logit, on_host)
        self.level = level

    def mapped(self, rows: Callable[[Any], Any]) -> Self:
        found = super().mapped(rows)
        found.level = rows(self.level)
        return found


def chance(said: Behaviour, logit: Any, level: Any = None, on_host: bool = False) -> Probability:
    """The probability that a tower says, from its logit, float [B, 1], and of JRC its level (None: 0)."""
    if said.loss == "focal":
        return FocalProbability(logit, float(said.gamma), float(said.positive_weight))
    if said.loss == "jrc":
        return JointProbability(logit, paddle.zeros_like(logit) if level is None else level, on_host)
    return Probability(logit, on_host)


def split(outputs: Mapping[str, Any], said: Callable[[str], Behaviour]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Towers' outputs as logits, float [B, 1] by name, and the levels of those that have one."""
    joint = [name for name in outputs if said(name).loss == "jrc"]
    if not joint:
        return dict(outputs), {}
    logits = {**outputs, **{name: outputs[name][:, :1] for name in joint}}
    return logits, {level_of(name): outputs[name][:, 1:] for name in joint}


def number(name: str, said: Behaviour, output: Any, smearing: Mapping[str, Any]) -> RegressionHead:
    """The number that a tower says; `smearing` by behaviour."""
    factor = smearing[name].log_factor() if name in smearing else None
    return RegressionHead(output, said.head == "log_regression", said.start, factor)


def heads(
    graph: Graph, logits: Mapping[str, Any], smearing: Mapping[str, Any], on_host: bool
) -> tuple[dict[str, Probability], dict[str, RegressionHead]]:
    """The probabilities and the numbers that towers say, by name, from their outputs and levels."""
    chances = {
        name: chance(graph.said(name), logits[name], logits.get(level_of(name)), on_host)
        for name in graph.towers
        if name not in graph.numbers
    }
    return chances, {name: number(name, b, logits[name], smearing) for name, b in graph.numbers.items()}


def pointwise(said: Behaviour) -> Pointwise:
    """The loss of each impression."""
    gamma = float(said.gamma) if said.loss == "focal" else None
    return Pointwise(gamma, float(said.positive_weight), float(said.label_smoothing))


def is_plain(said: Behaviour) -> bool:
    """Whether its loss may be computed by `mean_loss`: it is of the output alone, and the same for each impression."""
    return pointwise(said) == Pointwise() and not (said.sample_weight or said.pairwise)


def mean_of(objective: Objective, each: Any, mask: Any, labels: Mapping[str, Any]) -> Any:
    """Mean of the impressions' losses, float [B, 1], with their sample weights, a scalar."""
    weight = objective.said.sample_weight
    if weight:
        # A weight may be empty where its label is: 0 * NaN would be NaN.
        each = each * paddle.where(mask > 0, labels[weight], paddle.zeros_like(mask))
    return masked_mean(each, mask)


def within_requests(objective: Objective, output: Output, labels: Mapping[str, Any]) -> dict[str, Any]:
    """The losses that compare impressions of a request, by the names that `weights` gives them."""
    said, task = objective.said, objective.task
    if not said.within_requests or not isinstance(output, Probability):
        return {}
    given = labels[objective.label]
    mask = known(given, labels[objective.among] if objective.among else None)
    label, request = filled(given), labels[REQUEST]
    found = {}
    if said.pairwise:
        found[f"{task}_pairs"] = pairwise_loss(output.logit, label, request, mask)
    if said.listwise:
        found[f"{task}_list"] = listwise_loss(output.logit, label, request, mask)
    if isinstance(output, JointProbability) and f"{task}_joint" in _weights(objective):
        found[f"{task}_joint"] = joint_loss(output.logit, output.level, label, request, mask)
    return found


def remember(smearing: Mapping[str, Any], objective: Objective, output: Output, labels: Mapping[str, Any]) -> None:
    """Take a batch in whose means the prediction of a number's mean needs; `smearing` by behaviour."""
    if objective.behaviour in smearing and isinstance(output, RegressionHead):
        given = labels[objective.label]
        mask = known(given, labels[objective.among] if objective.among else None)
        smearing[objective.behaviour].remember(output.output, filled(given), mask)


def weights(objectives: Sequence[Objective]) -> dict[str, float]:
    """The weight of each loss by its name: each task's own, and those within requests."""
    return {name: weight for objective in objectives for name, weight in _weights(objective).items()}


def _weights(objective: Objective) -> dict[str, float]:
    said, task = objective.said, objective.task
    share = float(said.alpha) if said.loss == "jrc" else 1.0
    found = {task: share * said.weight, f"{task}_joint": (1.0 - share) * said.weight}
    found |= {f"{task}_pairs": float(said.pairwise), f"{task}_list": float(said.listwise)}
    return {name: weight for name, weight in found.items() if weight or name == task}


def check_weights(objectives: Sequence[Objective], kind: str) -> None:
    """Refuse a loss without weight where these are learned."""
    for objective in objectives if kind in LEARNED else ():
        if not _weights(objective)[objective.task]:
            said = "weight" if not objective.said.weight else "alpha"
            raise UserError(
                f"hyper_parameters.behaviours.{objective.behaviour}.{said} is 0, but weighting {kind} learns the "
                "weights: give it one above 0, leave the behaviour out, or set weighting to fixed or pcgrad"
            )
