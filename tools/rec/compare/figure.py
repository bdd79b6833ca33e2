"""AUC against the share of training data, as the paper's Figure 3."""

from __future__ import annotations

import io

from rec.compare.outcome import Outcome
from rec.compare.report import percent


def draw(outcome: Outcome) -> bytes:
    """A PNG of two panels, CVR and CTCVR: mean AUC of each system by share, bars of one standard deviation."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    shares = sorted(outcome.compare.shares)
    for panel, name in zip(figure.subplots(1, 2), ("cvr", "ctcvr"), strict=True):
        for system in outcome.compare.systems:
            points = [(share, outcome.summary(system, name, share)) for share in shares]
            known = [(share, s.mean, s.std or 0.0) for share, s in points if s.mean is not None]
            if known:
                x, y, bars = zip(*known, strict=True)
                panel.errorbar(x, y, yerr=bars, marker="o", markersize=4, capsize=2, linewidth=1.3, label=system)
        panel.set_xscale("log")
        panel.set_xticks(shares, [percent(share) for share in shares])
        panel.minorticks_off()
        panel.set_xlabel("share of training data")
        panel.set_ylabel(f"{name.upper()} AUC")
        panel.grid(alpha=0.3)
    panel.legend(fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
