"""What a system's predictions on the test data come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rec.metrics.auc import auc
from rec.metrics.truth import soft_auc
from rec.numeric import Array

Figures = dict[str, float | None]


@dataclass(frozen=True)
class Facts:
    """What is known of n test impressions: labels, and on simulated data the probabilities that they came from."""

    click: Array
    conversion: Array
    p_click: Array | None = None
    p_conversion: Array | None = None

    def to_arrays(self, part: str) -> dict[str, Array]:
        """What is known, under names that begin with the part's."""
        return {f"{part}_{name}": values for name, values in vars(self).items() if values is not None}

    @classmethod
    def from_arrays(cls, part: str, arrays: Mapping[str, Array]) -> Facts:
        """The same from such arrays."""
        names = ("click", "conversion", "p_click", "p_conversion")
        return cls(**{name: arrays[f"{part}_{name}"] for name in names if f"{part}_{name}" in arrays})


def clipped(p_cvr: Array) -> tuple[Array, int]:
    """Estimates cut off at 1, and how many were above: those of DIVISION may be."""
    above = int(np.count_nonzero(p_cvr > 1))
    return np.minimum(p_cvr, 1.0), above


def judge(p_cvr: Array, p_ctr: Array, facts: Facts) -> Figures:
    """Figures by name: AUCs of CVR on clicked impressions and of CTCVR, pCTR times pCVR, on all.

    With the truth also, over the entire space, the CVR's expected AUC, the ceiling, the share of it reached, and the
    calibration (sum of predicted over sum of true probabilities) on clicked and unclicked impressions.
    `p_cvr` and `p_ctr` are float [n] in [0, 1].
    """
    clicked = facts.click == 1
    figures: Figures = {
        "cvr": auc(p_cvr[clicked], facts.conversion[clicked]).value,
        "ctcvr": auc(p_ctr.astype(np.float64) * p_cvr, facts.conversion).value,
    }
    if facts.p_conversion is None:
        return figures
    true = facts.p_conversion
    area, ceiling = soft_auc(p_cvr, true), soft_auc(true, true)
    figures["entire_cvr"], figures["ceiling"] = area, ceiling
    if area is not None and ceiling is not None and ceiling != 0.5:
        figures["share_of_ceiling"] = (area - 0.5) / (ceiling - 0.5)
    for name, some in (("clicked", clicked), ("unclicked", ~clicked)):
        total = float(true[some].sum(dtype=np.float64))
        figures[f"calibration_{name}"] = float(p_cvr[some].sum(dtype=np.float64)) / total if total else None
    return figures


def content_of(p_cvr: Array, valid: Array, ctr: Mapping[str, Array], above: int) -> dict[str, Any]:
    """What is kept of a run's estimates of test and validation impressions, float [n] each.

    Args:
        ctr: the arrays of the CTR net of its seed: pCTR, and what is known of the impressions.
        above: how many estimates were above 1.
    """
    of_valid = Facts.from_arrays("valid", ctr)
    clicked = of_valid.click == 1
    return {
        "figures": judge(p_cvr, ctr["test"], Facts.from_arrays("test", ctr)),
        "valid_cvr": auc(valid[clicked], of_valid.conversion[clicked]).value,
        "above_one": above,
        "test_impressions": len(p_cvr),
    }
