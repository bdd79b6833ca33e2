"""The logistic form: weights by maximum likelihood instead of by search."""

from __future__ import annotations

import numpy as np

from rec.fuse.formula import Formula, logarithm
from rec.numeric import Array

_STEPS, _CLOSE, _RIDGE = 100, 1e-9, 1e-6


def learn(terms: dict[str, Array], gain: Array, missing: dict[str, float]) -> Formula:
    """Weights w and bias b of which odds(sigmoid(b + sum_i w_i log x_i)) is the expected gain, but for a factor.

    They minimise sum_rows -g log s - log(1 - s) for gains g >= 0 and scores s, whose minimum over s is at
    s / (1 - s) = E[g]: the logistic regression of a row that is there once as a negative and g times as a positive. By
    Newton's method, with a ridge of 1e-6 a row, under which terms that say the same share a weight.

    Args:
        terms: float64 [n] each, by name, none NaN.
        gain: float64 [n], at least 0.
        missing: as the formula keeps it.
    """
    logs = np.stack([logarithm(values) for values in terms.values()], axis=1)
    centre, spread = logs.mean(axis=0), np.maximum(logs.std(axis=0), 1e-9)
    x = np.column_stack([(logs - centre) / spread, np.ones(len(logs))])
    total = float(gain.sum())
    # As large on average as the share of rows that bring anything, as a probability would be.
    gain = gain * (np.count_nonzero(gain) / total) if total else gain
    w = np.zeros(x.shape[1])
    w[-1] = np.log(max(gain.mean(), 1e-12))
    for _ in range(_STEPS):
        s = np.exp(-np.logaddexp(0.0, -(x @ w)))
        gradient = x.T @ (gain * (1 - s) - s) - _RIDGE * len(x) * w
        curvature = (x * ((gain + 1) * s * (1 - s))[:, None]).T @ x + _RIDGE * len(x) * np.eye(len(w))
        step = np.linalg.solve(curvature, gradient)
        step *= min(1.0, 5.0 / float(np.abs(step).max()))  # far from the minimum a whole step may go too far
        w = w + step
        if np.abs(step).max() < _CLOSE:
            break
    weights = w[:-1] / spread
    bias = float(w[-1] - weights @ centre)
    return Formula(form="logistic", terms=dict(zip(terms, weights.tolist(), strict=True)), bias=bias, missing=missing)
