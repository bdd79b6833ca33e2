"""What a training step shows beside its losses, by name, in either graph mode; and its losses once more."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import paddle

from rec.config.config import Config
from rec.contract.native import predict
from rec.errors import UserError
from rec.nn.features import Features
from rec.nn.gathered import gathered, gathered_rows
from rec.nn.network import Network, Output
from rec.nn.weighting.gradients import shared_products
from rec.report.meter import RATIO

LOSS = "loss_"


def shown(
    config: Config,
    net: Network,
    outputs: Mapping[str, Output],
    labels: Mapping[str, Any],
    losses: Mapping[str, Any],
    features: Features,
) -> dict[str, Any]:
    """The losses of `losses_by_name`, the network's ratios and gates, and cosines of gradients if they are asked for.

    Raises:
        UserError: cosines are asked for, and there are no two gradients of one thing.
    """
    found = {**losses, **ratios(net, outputs, labels), **gate_means(net)}
    return found | (cosines(net, losses, features) if config.runner.gradient_cosines else {})


def losses_again(
    net: Network, features: Features, labels: Mapping[str, Any], told: Mapping[str, Any]
) -> dict[str, Any]:
    """`loss_<task>` of each trained task, from a batch's features, for a weighting that looks twice.

    `told`: the labels of all trainers, of which `labels` are one's.
    """
    return {f"{LOSS}{name}": part for name, part in net.losses(gathered(predict(net, features, labels)), told).items()}


def gate_means(net: Network) -> dict[str, Any]:
    """`gate_<name>` of each group of experts that a network shows: the mean weight of each expert, float [E]."""
    return {f"gate_{name}": gathered_rows(w).mean(axis=0) for name, w in net.gates().items() if w.shape[-1] > 1}


def ratios(net: Network, outputs: Mapping[str, Output], labels: Mapping[str, Any]) -> dict[str, Any]:
    """`ratio_<name>` of each of the network's diagnostics: a sum and its divisor, float [2], as `Meter` takes it."""
    return {RATIO + name: paddle.stack(list(pair)) for name, pair in net.diagnostics(outputs, labels).items()}


def cosines(net: Network, losses: Mapping[str, Any], features: Features) -> dict[str, Any]:
    """`ratio_cosine_<a>_<b>` of each two losses: the cosine of their gradients on the vectors pulled from the table.

    A cosine and 1, float [2], or zeros where a loss of the batch has no gradient: means over steps pass that by.

    Raises:
        UserError: there is one loss, or each task has vectors of its own.
    """
    parts = {name.removeprefix(LOSS): loss for name, loss in losses.items() if name.startswith(LOSS)}
    if len(parts) < 2 or net.spaces > 1:
        why = "each task has embeddings of its own" if net.spaces > 1 else f"there is one loss, {', '.join(parts)}"
        raise UserError(f"runner.gradient_cosines compares the gradients of several losses on shared embeddings: {why}")
    products = shared_products(list(parts.values()), features.pulled, net.trained())
    found = {}
    for (i, a), (j, b) in combinations(enumerate(parts), 2):
        length = paddle.sqrt(products[i, i]) * paddle.sqrt(products[j, j])
        there = paddle.cast(length > 0, "float32")
        found[f"{RATIO}cosine_{a}_{b}"] = paddle.stack([products[i, j] / (length + 1.0 - there), there])
    return found
