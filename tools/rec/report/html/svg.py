"""Matplotlib figures as SVG for a page: small, repeatable, with text that stays text in both languages."""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from rec.report.html.text import Text

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito 2008: told apart by colour-blind eyes, in grey by their lightness."""
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GREY = "#8a8a8a"

_STYLE: Any = {
    "svg.fonttype": "none",  # letters are the reader's own, and can be found and copied
    "text.parse_math": False,  # a field may be called $x
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
}
_WIDTH, _HEIGHT = 4.6, 3.1


def draw(paint: Callable[[Any], Sequence[Text]], title: Text, width: float = _WIDTH, height: float = _HEIGHT) -> str:
    """An SVG element.

    Args:
        paint: draws into Matplotlib's axes with the English words, and returns what of these there is in Chinese.
        title: for who does not see it.
        width, height: in inches; on a page it is as wide as there is room.
    """
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the reader's fonts will have it
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        texts = paint(figure.subplots())
        # Names of clips and markers must not meet those of the page's other plots.
        salt = hashlib.sha256(repr((title.en, title.zh)).encode()).hexdigest()[:8]
        with mpl.rc_context({"svg.hashsalt": salt}):
            buffer = io.BytesIO()
            figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return _for_page(buffer.getvalue().decode(), title, texts)


def _for_page(svg: str, title: Text, texts: Sequence[Text]) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    label = escape(f"{title.en} / {title.zh}", quote=True)
    svg = svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
    for text in dict.fromkeys(texts):
        both = f'<tspan lang="en">{escape(text.en)}</tspan><tspan lang="zh">{escape(text.zh)}</tspan>'
        svg = svg.replace(f">{escape(text.en, quote=False)}</text>", f">{both}</text>")
    return svg
