"""How well calibrated predictions are, before a calibration and after it."""

from __future__ import annotations

import numpy as np

from rec.calibration.calibration import fit
from rec.config.calibration import CalibrationSettings
from rec.numeric import Array

BINS = 20


def ece(p: Array, label: Array, bins: int = BINS) -> float:
    """Expected calibration error: the mean over rows of |mean prediction - rate of positives| of their bin.

    Bins hold as many rows each, in the order of float [n] `p`: of equal width, one would hold most rare events.
    """
    order = np.argsort(p, kind="stable")
    starts = np.unique(np.arange(bins) * len(p) // bins)
    gaps = np.add.reduceat(p[order].astype(np.float64) - label[order], starts)
    return float(np.abs(gaps).sum() / len(p))


def figures(p: Array, label: Array) -> dict[str, float]:
    """ECE, predicted over observed positives, and log loss of float [n] and bool [n], both labels among them."""
    p = np.clip(p.astype(np.float64), 1e-30, 1.0 - 2.0**-53)
    logs = np.where(label, np.log(p), np.log1p(-p))
    return {"ece": ece(p, label), "calibration": float(p.sum() / label.sum()), "logloss": float(-logs.mean())}


def drawn_half(label: Array) -> Array:
    """bool [n]: half the rows of either label, bool [n], drawn: their order may have to do with their labels."""
    half, drawn = np.zeros(len(label), np.bool_), np.random.default_rng(0).permutation(len(label))
    for rows in (drawn[label[drawn]], drawn[~label[drawn]]):
        half[rows[::2]] = True
    return half


def crosswise(settings: CalibrationSettings, p: Array, label: Array, ids: Array | None) -> Array:
    """Calibrated predictions, float32 [n], of each half of the rows by a fit to the other: on the rows that it is
    fitted to, any calibration looks right."""
    found, first = np.empty(len(p), np.float32), drawn_half(label)
    for half in (first, ~first):
        curves = fit(settings, p[~half], label[~half], None if ids is None else ids[~half])
        found[half] = curves(p[half], None if ids is None else ids[half])
    return found
