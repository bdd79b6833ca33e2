"""The objective over trials."""

from __future__ import annotations

import io
from collections.abc import Sequence

from optuna.trial import FrozenTrial, TrialState

from rec.checkpoint.better import lower_is_better
from rec.tune.report import score


def draw(trials: Sequence[FrozenTrial], objective: str) -> bytes:
    """A PNG: a point for each trial, and the line of the best of those trained to their end so far."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    panel = figure.subplots()
    states = {TrialState.COMPLETE: ("o", "C0", "trained to the end"), TrialState.PRUNED: ("x", "C1", "pruned")}
    for state, (marker, color, label) in states.items():
        points = [(trial.number, value) for trial in trials if trial.state == state and (value := score(trial))]
        if points:
            panel.scatter(*zip(*points, strict=True), marker=marker, color=color, label=label)
    better = min if lower_is_better(objective) else max
    done = [(trial.number, trial.value) for trial in trials if trial.state == TrialState.COMPLETE]
    best = [better(value or 0.0 for _, value in done[: count + 1]) for count in range(len(done))]
    panel.step([number for number, _ in done], best, where="post", color="C2", label="best so far")
    panel.set_xlabel("trial")
    panel.set_ylabel(objective)
    panel.grid(alpha=0.3)
    panel.legend(fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
