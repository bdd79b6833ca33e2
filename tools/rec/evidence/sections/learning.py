"""How training went: losses and metrics of history.jsonl, and the cosines of tasks' gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rec.evidence.findings import Findings
from rec.report.html.page import Plot, Prose, Section
from rec.report.html.plots import Axes, Line, lines
from rec.report.html.text import Text, same

COSINE = "cosine_"
_STEP = Text("update", "更新步数")
_KINDS = {
    "step": Text(", training", "，训练"),
    "epoch": Text(", epoch", "，整轮"),
    "valid": Text(", validation", "，验证"),
}


def learning(found: Findings) -> Section:
    """Learning curves: losses, and each task's ranking."""
    history = found.history
    how = Text(
        "A loss should fall and a metric rise, until both level off. Of training they are means over the epoch so far, "
        "which begin anew with each epoch. Where validation data were given, training that goes on getting better "
        "while validation gets worse is learning the training rows by heart.",
        "损失应下降、指标应上升，直至平稳。训练曲线是本轮到目前为止的平均，每轮重新开始。"
        "若有验证集：训练继续变好而验证变差，说明模型在死记训练样本。",
    )
    title = Text("How training went", "训练过程")
    if not history:
        none = Text(
            "There is no history.jsonl beside the checkpoints, so training left no curve to show.",
            "检查点旁没有 history.jsonl，因此没有训练曲线可画。",
        )
        return Section("learning", title, how, [Prose(none)])
    losses = [name for name in _names(history) if name.startswith("loss")]
    ranks = [name for name in _names(history) if name.split("_")[0] in ("auc", "rank", "gauc")]
    plots = [_plot(history, losses, Text("Loss", "损失")), _plot(history, ranks, Text("Ranking (AUC)", "排序（AUC）"))]
    return Section("learning", title, how, [plot for plot in plots if plot])


def help_each_other(found: Findings) -> Section | None:
    """Which tasks' gradients point the same way; None where training did not log that."""
    names = [name for name in _names(found.history) if name.startswith(COSINE)]
    curves = _curves(found.history, names, ("step", "epoch"))
    if not curves:
        return None
    title = Text("Cosine of the gradients of two tasks", "两个任务梯度的余弦")
    axes = Axes(_STEP, Text("cosine", "余弦"), baseline=0.0)
    plain = [Line(same(_pair(curve.name)), curve.x, curve.y) for curve in curves]
    means = Text(
        "Means over training: " + ", ".join(f"{c.name.en} {np.mean(c.y):+.2f}" for c in plain) + ".",
        "训练期间的平均：" + "，".join(f"{c.name.en} {np.mean(c.y):+.2f}" for c in plain) + "。",
    )
    return Section(
        "together", Text("Which tasks help each other", "哪些任务互相帮助"),
        Text(
            "Above 0, what one task learns moves the embeddings that both share in a direction that helps the other; "
            "below 0 they pull against each other, and a weighting such as PCGrad may help.",
            "大于 0：一个任务的学习也在帮助另一个（作用于共享的嵌入）；小于 0：两者相互拉扯，可以考虑 PCGrad "
            "等加权方法。",
        ),
        [Plot(lines(title, axes, plain), title), Prose(means)],
    )  # fmt: skip


def _pair(curve: Text) -> str:
    """cosine_ctr_ctcvr, training: ctr_ctcvr."""
    return curve.en.removeprefix(COSINE).split(",")[0]


def _names(history: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for line in history for name in line["values"]))


def _plot(history: Sequence[Mapping[str, Any]], names: Sequence[str], title: Text) -> Plot | None:
    curves = _curves(history, names, ("step", "valid")) or _curves(history, names, ("epoch",))
    if not curves:
        return None
    return Plot(lines(title, Axes(_STEP, title), curves), title)


def _curves(history: Sequence[Mapping[str, Any]], names: Sequence[str], kinds: Sequence[str]) -> list[Line]:
    """A curve for each name and kind of line that has it; where steps tell, an epoch's mean adds nothing."""
    found: list[Line] = []
    for name in names:
        for kind in kinds:
            points = [
                (line["step"], line["values"][name])
                for line in history
                if line["kind"] == kind and line["values"].get(name) is not None
            ]
            if points and not (kind == "epoch" and found and found[-1].name.en.startswith(name)):
                x, y = (np.array(side, np.float64) for side in zip(*points, strict=True))
                found.append(Line(same(name) + _KINDS[kind], x, y, points=len(points) < 30))
    return found
