"""What a system's predictions on the test data come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rec.compare.plan import RANDOM
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


def divided(p_ctcvr: Array, p_ctr: Array) -> tuple[Array, int]:
    """DIVISION's estimates, pCTCVR / pCTR cut off at 1, float64 [n], and how many were above."""
    with np.errstate(divide="ignore", invalid="ignore"):
        p_cvr = np.nan_to_num(p_ctcvr / p_ctr.astype(np.float64), nan=0.0)
    return np.minimum(p_cvr, 1.0), int(np.count_nonzero(p_cvr > 1))


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


def judge_random(p_cvr: Array, p_ctr: Array, facts: Facts) -> Figures:
    """The same of impressions that were chosen at random: AUCs, and the CVR's calibration where they were clicked."""
    found = {
        f"{RANDOM}_{name}": value for name, value in judge(p_cvr, p_ctr, facts).items() if name in ("cvr", "ctcvr")
    }
    clicked = facts.click == 1
    sold = float(facts.conversion[clicked].sum())
    return found | {f"{RANDOM}_calibration": float(p_cvr[clicked].sum(dtype=np.float64)) / sold if sold else None}


def content_of(p_cvr: Mapping[str, Array], valid: Array, ctr: Mapping[str, Array], above: int) -> dict[str, Any]:
    """What is kept of a run's estimates of test and validation impressions, float [n] each.

    Args:
        p_cvr: of the test impressions, and of those that were chosen at random if there are any.
        ctr: the arrays of the CTR net of its seed: pCTR, and what is known of the impressions.
        above: how many estimates were above 1.
    """
    of_valid = Facts.from_arrays("valid", ctr)
    clicked = of_valid.click == 1
    figures = judge(p_cvr["test"], ctr["test"], Facts.from_arrays("test", ctr))
    if RANDOM in p_cvr:
        figures |= judge_random(p_cvr[RANDOM], ctr[RANDOM], Facts.from_arrays(RANDOM, ctr))
    return {
        "figures": figures,
        "valid_cvr": auc(valid[clicked], of_valid.conversion[clicked]).value,
        "above_one": above,
        "test_impressions": len(p_cvr["test"]),
    }
