"""DeepFM, DCN-v2 and DIN whole, in NumPy and float64, written from the papers' equations.

Each is a function of parameters by our networks' names (`p`) and of a batch (`x`: field vectors, numbers, and the
histories' token vectors and lengths), and gives logits, float [B]. Gradients are central differences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Arrays = Mapping[str, Any]


def sigmoid(z: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-z))


def deep(p: Arrays, x: Any) -> Any:
    """The part with hidden layers, whose activation is ReLU, and one output."""
    layer = 0
    while f"towers.click.hidden.{layer}.weight" in p:
        x = np.maximum(x @ p[f"towers.click.hidden.{layer}.weight"] + p[f"towers.click.hidden.{layer}.bias"], 0.0)
        layer += 1
    return (x @ p["towers.click.logit.weight"] + p["towers.click.logit.bias"])[:, 0]


def deepfm(p: Arrays, x: Arrays, fields: int, training: bool = True) -> Any:
    """y_FM + y_DNN (Guo et al., equations 1 to 4); a field's vector, and behind it its weight of the first order."""
    rows = x["vectors"].reshape(len(x["vectors"]), fields, -1)
    v, w = rows[:, :, :-1], rows[:, :, -1]
    pairs = sum((v[:, i] * v[:, j]).sum(axis=1) for i in range(fields) for j in range(i + 1, fields))
    first = w.sum(axis=1)
    if "interactions.0.beside" in p:
        first = first + x["numbers"] @ p["interactions.0.beside"][:, 0]
    return first + pairs + deep(p, np.concatenate([v.reshape(len(v), -1), x["numbers"]], axis=1))


def dcn_v2(p: Arrays, x: Arrays, fields: int, training: bool = True) -> Any:
    """Stacked: x_{l+1} = x_0 * (W_l x_l + b_l) + x_l, and the deep part on the last x (Wang et al., equation 1)."""
    first = each = np.concatenate([x["vectors"], x["numbers"]], axis=1)
    layer = 0
    while f"interactions.0.crosses.{layer}.weight" in p:
        made = each @ p[f"interactions.0.crosses.{layer}.weight"] + p[f"interactions.0.crosses.{layer}.bias"]
        each = first * made + each
        layer += 1
    return deep(p, each)


def din(
    p: Arrays,
    x: Arrays,
    fields: int,
    training: bool = True,
    asked: Sequence[tuple[str, str, int]] = (("history", "lengths", 0),),
) -> Any:
    """The deep part on fields, numbers and, for each history, sum_j a(k_j, t) k_j over its tokens (Zhou et al.,
    equation 3), where a is a network on [t, k, t - k, t * k].

    Args:
        asked: of each history the names of its vectors, [B, L * D], and of its lengths, and the number of the field t.
    """
    count, dim = len(x["vectors"]), x["vectors"].shape[1] // fields
    pooled = [np.zeros((count, dim)) for _ in asked]
    for number, (history, lengths, query) in enumerate(asked):
        keys = x[history].reshape(count, -1, dim)
        b, j = np.nonzero(np.arange(keys.shape[1]) < x[lengths][:, None])
        t, k = x["vectors"].reshape(count, fields, dim)[b, query], keys[b, j]
        pairs = np.concatenate([t, k, t - k, t * k], axis=1)
        np.add.at(pooled[number], b, attention(p, f"interactions.0.scores.{number}.", pairs, training) * k)
    return deep(p, np.concatenate([x["vectors"], x["numbers"], *pooled], axis=1))


def attention(p: Arrays, at: str, s: Any, training: bool) -> Any:
    """A network with Dice (equation 7), whose mean and variance in training are those of the batch's tokens: [T, 1]."""
    layer = 0
    while f"{at}hidden.{layer}.weight" in p:
        s = s @ p[f"{at}hidden.{layer}.weight"] + p[f"{at}hidden.{layer}.bias"]
        mean, variance = (p[f"{at}activations.{layer}.{name}"] for name in ("mean", "variance"))
        if training:
            mean, variance = s.mean(axis=0), s.var(axis=0)
        share = sigmoid((s - mean) / np.sqrt(variance + 1e-9))
        s = share * s + (1 - share) * p[f"{at}activations.{layer}.alpha"] * s
        layer += 1
    return s @ p[f"{at}out.weight"] + p[f"{at}out.bias"]


def log_loss(logits: Any, labels: Any) -> float:
    """The mean over the batch."""
    return float(np.mean(np.logaddexp(0.0, logits) - labels * logits))


def gradient(function: Callable[[], float], array: Any, step: float = 1e-5) -> Any:
    """Of a function of an array that it looks at in place, by central differences."""
    found = np.zeros_like(array)
    for place in np.ndindex(array.shape):
        kept = array[place]
        array[place] = kept + step
        above = function()
        array[place] = kept - step
        found[place] = (above - function()) / (2 * step)
        array[place] = kept
    return found
