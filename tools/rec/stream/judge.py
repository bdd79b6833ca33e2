"""What predictions of an hour's clicks came to, and hours together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rec.metrics.auc import auc
from rec.numeric import Array

Figures = dict[str, float | int | None]

_LEAST = 1e-7
"""Predictions are kept so far from 0 and 1 in the log loss: float32 says no more."""

LARGER = {"auc": True, "pr_auc": True, "logloss": False, "excess": False}
"""What methods are compared by, and whether more of it is better."""


def judge(p: Array, label: Array, truth: Array | None) -> Figures:
    """Figures by name of n clicks, float [n] each: `excess` is the mean of KL(truth || p), in nats, what the log loss
    is above its least in expectation."""
    p = np.clip(p.astype(np.float64), _LEAST, 1 - _LEAST)
    found: Figures = {
        "n": len(p),
        "positives": int(label.sum()),
        "predicted": float(p.sum()),
        "auc": auc(p, label).value,
        "pr_auc": average_precision(p, label),
        "logloss": float(-np.where(label == 1, np.log(p), np.log1p(-p)).mean()),
    }
    if truth is not None:
        t = np.clip(truth.astype(np.float64), _LEAST, 1 - _LEAST)
        found["excess"] = float((t * np.log(t / p) + (1 - t) * np.log((1 - t) / (1 - p))).mean())
    return found


def average_precision(p: Array, label: Array) -> float | None:
    """Area under the precision-recall curve in steps: sum of (recall_k - recall_k-1) precision_k over the distinct
    scores; None without a positive."""
    if not label.sum():
        return None
    order = np.argsort(-p, kind="stable")
    hits = np.cumsum(label[order] == 1)
    ends = np.flatnonzero(np.append(np.diff(p[order]) != 0, True))
    return float((np.diff(hits[ends], prepend=0) / hits[-1] * hits[ends] / (ends + 1)).sum())


def together(hours: Sequence[Mapping[str, Any]]) -> Figures:
    """Hours as one: means weighted by their clicks, over those that tell a figure; `calibration` is the sum of
    predictions over that of positives."""
    total, positives = (sum(int(hour[name] or 0) for hour in hours) for name in ("n", "positives"))
    found: Figures = {"n": total, "positives": positives}
    for name in LARGER:
        told = [hour for hour in hours if hour.get(name) is not None]
        values, counts = ([float(hour[key] or 0) for hour in told] for key in (name, "n"))
        found[name] = float(np.average(values, weights=counts)) if told else None
    found["calibration"] = sum(float(hour["predicted"] or 0) for hour in hours) / positives if positives else None
    return found


def relative_gain(value: float | None, pretrained: float | None, oracle: float | None) -> float | None:
    """(value - pretrained) / (oracle - pretrained): 0 is no better than never updated, 1 what final labels give."""
    if value is None or pretrained is None or oracle is None or oracle == pretrained:
        return None
    return (value - pretrained) / (oracle - pretrained)
