"""The kinds of plots that a page has, from arrays to SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rec.numeric import Array
from rec.report.html.forest import short
from rec.report.html.svg import COLOURS, DASHES, GREY, MARKERS, draw
from rec.report.html.text import Text


@dataclass(frozen=True)
class Line:
    """A curve.

    Attributes:
        x, y: [n] each.
        low, high: [n], of an interval at each point.
        points: points alone, with markers, rather than a line through them.
    """

    name: Text
    x: Array
    y: Array
    low: Array | None = None
    high: Array | None = None
    points: bool = False


@dataclass(frozen=True)
class Axes:
    """What stands beside a plot's axes. `diagonal`: y = x is drawn; `square`: both have the same limits."""

    x: Text
    y: Text
    log_x: bool = False
    log_y: bool = False
    diagonal: Text | None = None
    baseline: float | None = None


def lines(title: Text, axes: Axes, curves: Sequence[Line]) -> str:
    """Curves, each with a colour and a dash or marker of its own."""

    def paint(panel: Any) -> list[Text]:
        texts = [axes.x, axes.y, *(curve.name for curve in curves)]
        for at, curve in enumerate(curves):
            _paint_curve(panel, curve, at)
        if axes.diagonal is not None:
            ends = [min(panel.get_xlim()[0], panel.get_ylim()[0]), max(panel.get_xlim()[1], panel.get_ylim()[1])]
            if axes.log_x:
                ends[0] = max(ends[0], 1e-12)
            panel.plot(ends, ends, color=GREY, linewidth=1, linestyle=(0, (4, 3)), label=axes.diagonal.en)
            texts.append(axes.diagonal)
        if axes.baseline is not None:
            panel.axhline(axes.baseline, color=GREY, linewidth=1)
        _label(panel, axes)
        _legend(panel, many)
        return texts

    many = len(curves) + (axes.diagonal is not None)
    return draw(paint, title, height=3.1 + (0.2 * many if many > _ROOM else 0.0))


_ROOM = 4
"""Curves whose names have room among them."""


def _legend(panel: Any, many: int) -> None:
    below: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.2)}
    panel.legend(fontsize=8, **(below if many > _ROOM else {}))


def _paint_curve(panel: Any, curve: Line, at: int) -> None:
    colour = COLOURS[at % len(COLOURS)]
    if curve.points:
        panel.plot(
            curve.x, curve.y, color=colour, marker=MARKERS[at % len(MARKERS)], markersize=4, linewidth=0.8,
            label=curve.name.en,
        )  # fmt: skip
        if curve.low is not None and curve.high is not None:
            panel.vlines(curve.x, curve.low, curve.high, color=colour, linewidth=1)
        return
    panel.plot(curve.x, curve.y, color=colour, linestyle=DASHES[at % len(DASHES)], label=curve.name.en)
    if curve.low is not None and curve.high is not None:
        panel.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.15, linewidth=0)


def _label(panel: Any, axes: Axes) -> None:
    scales = ((panel.xaxis, panel.set_xscale, axes.log_x), (panel.yaxis, panel.set_yscale, axes.log_y))
    for axis, set_scale, is_log in scales:
        if is_log:
            set_scale("log")
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter("")
    panel.set_xlabel(axes.x.en)
    panel.set_ylabel(axes.y.en)


def bars(title: Text, x: Text, y: Text, edges: Array, heights: Array, mark: tuple[float, Text] | None = None) -> str:
    """A histogram, from [n + 1] edges and [n] heights; `mark`: a value to show as a line, and its name."""

    def paint(panel: Any) -> list[Text]:
        panel.bar(edges[:-1], heights, np.diff(edges), align="edge", color=COLOURS[5], edgecolor="white", linewidth=0.5)
        texts = [x, y]
        if mark is not None:
            panel.axvline(mark[0], color=COLOURS[1], linestyle="--", label=mark[1].en)
            panel.legend(fontsize=8)
            texts.append(mark[1])
        panel.set_xlabel(x.en)
        panel.set_ylabel(y.en)
        return texts

    return draw(paint, title)


def stacked(title: Text, x: Text, names: Sequence[str], shares: Sequence[Array], parts: Sequence[str]) -> str:
    """A bar for each name, made of shares, [parts] each."""

    def paint(panel: Any) -> list[Text]:
        places = np.arange(len(names))[::-1]
        starts = np.zeros(len(names))
        for at, part in enumerate(parts):
            widths = np.array([share[at] if at < len(share) else 0.0 for share in shares])
            panel.barh(
                places, widths, 0.7, starts, color=COLOURS[at % len(COLOURS)], edgecolor="white", label=short(part),
                hatch=("", "//", "..", "xx", "\\\\", "++", "oo")[at // len(COLOURS) % 7],
            )  # fmt: skip
            starts += widths
        panel.set_yticks(places, [short(name) for name in names])
        panel.set_xlim(0, 1)
        panel.set_xlabel(x.en)
        panel.grid(visible=False)
        panel.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.22 - 0.5 / (1 + len(names))), ncols=3)
        return [x]

    return draw(paint, title, height=1.5 + 0.3 * len(names) + 0.2 * (len(parts) // 3))


@dataclass(frozen=True)
class Cloud:
    """Points of one kind, x, y and area [n] each."""

    name: Text
    x: Array
    y: Array
    area: Array


def scatter(title: Text, axes: Axes, clouds: Sequence[Cloud], cross: tuple[float, float]) -> str:
    """Points in four quadrants, parted at `cross`."""

    def paint(panel: Any) -> list[Text]:
        for at, cloud in enumerate(clouds):
            panel.scatter(
                cloud.x, cloud.y, cloud.area, color=(GREY, *COLOURS)[at], marker=MARKERS[at],
                alpha=0.85 if at else 0.55, linewidths=0, label=cloud.name.en, rasterized=len(cloud.x) > _MANY,
            )  # fmt: skip
        panel.axvline(cross[0], color="black", linewidth=0.8)
        panel.axhline(cross[1], color="black", linewidth=0.8)
        _label(panel, axes)
        panel.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=2)
        return [axes.x, axes.y, *(cloud.name for cloud in clouds)]

    return draw(paint, title, width=5.4, height=4.4)


_MANY = 3000
"""Points beyond which an image takes less room than a mark for each."""
