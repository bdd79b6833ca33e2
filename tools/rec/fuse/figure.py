"""Clicks against GMV: what formulas reach on held-out requests."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

from rec.fuse.bootstrap import Interval
from rec.fuse.rows import CLICKS, GMV

Point = Mapping[str, Interval]


def draw(front: Sequence[Point], chosen: Point, others: Mapping[str, Point], k: int) -> bytes:
    """A PNG: the front with bars of 95 % intervals, the chosen formula, and the scores that it is compared with."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    panel = figure.subplots()
    panel.errorbar(*_with_bars(front), fmt="o-", markersize=4, linewidth=1, capsize=2, alpha=0.6, label="Pareto front")
    panel.errorbar(*_with_bars([chosen]), fmt="*", markersize=15, capsize=2, label="the formula", color="black")
    for name, point in others.items():
        panel.errorbar(*_with_bars([point]), fmt="s", markersize=5, capsize=2, label=name.replace("$", r"\$"))
    panel.set_xlabel(f"clicks: NDCG@{k}")
    panel.set_ylabel(f"GMV in the first {k}, share of the best order's")
    panel.set_title("held-out requests, bars of 95 % intervals")
    panel.grid(alpha=0.3)
    panel.legend(fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def _with_bars(points: Sequence[Point]) -> tuple[list[float], list[float], list[list[float]], list[list[float]]]:
    """Of each point x and y, and the lengths of its bars below and above in y and in x."""
    x, y = ([point[name] for point in points] for name in (CLICKS, GMV))
    bars = [
        [[each.value - each.low for each in side], [each.high - each.value for each in side]] for side in (y, x)
    ]  # fmt: skip
    return [each.value for each in x], [each.value for each in y], bars[0], bars[1]
