"""Estimates below each other, each with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rec.report.html.svg import COLOURS, GREY, draw
from rec.report.html.text import Text


@dataclass(frozen=True)
class Row:
    """A line of a forest plot: an estimate and its interval; None where there is none."""

    name: str
    value: float | None
    low: float | None
    high: float | None


def forest(title: Text, x: Text, rows: Sequence[Row], reference: float | None, verdicts: bool = False) -> str:
    """Estimates below each other, with intervals.

    Args:
        reference: a value to hold them against, as a line.
        verdicts: colour those whose whole interval is on one side of the reference.
    """
    known = [row for row in rows if row.value is not None]

    def paint(panel: Any) -> list[Text]:
        places = np.arange(len(known))[::-1]
        for place, row in zip(places, known, strict=True):
            colour, marker = _verdict(row, reference) if verdicts else (COLOURS[0], "o")
            if row.low is not None and row.high is not None:
                panel.plot([row.low, row.high], [place, place], color=colour, linewidth=1.6)
            panel.plot([row.value], [place], color=colour, marker=marker, markersize=5, linestyle="")
        if reference is not None:
            panel.axvline(reference, color=GREY, linewidth=1, linestyle=(0, (4, 3)))
        panel.set_yticks(places, [short(row.name) for row in known])
        panel.set_ylim(-0.7, len(known) - 0.3)
        panel.set_xlabel(x.en)
        panel.locator_params(axis="x", nbins=5)
        panel.grid(axis="y", visible=False)
        return [x]

    return draw(paint, title, height=1.0 + 0.22 * max(len(known), 1))


def _verdict(row: Row, reference: float | None) -> tuple[str, str]:
    if reference is None or row.low is None or row.high is None or row.low <= reference <= row.high:
        return GREY, "o"
    return (COLOURS[0], "^") if row.low > reference else (COLOURS[1], "v")


def short(name: str, letters: int = 24) -> str:
    """A name as a plot has room for it."""
    return name if len(name) <= letters else f"{name[: letters - 1]}…"
