"""Whether a predicted 10 % happens in 10 of 100: reliability curves, before and after a calibration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from rec.config.metric_kinds import ReliabilityOptions
from rec.evidence.findings import Findings
from rec.evidence.words import INTERVAL, TASK
from rec.metrics.estimate import Estimate
from rec.metrics.reliability import ece
from rec.metrics.task import Task
from rec.numeric import Array
from rec.report.html.page import Block, Cell, Plot, Prose, Section, Table
from rec.report.html.plots import Axes, Line, lines
from rec.report.html.text import Text, interval, number, percent

_RAW, _CALIBRATED = Text("as predicted", "网络原始输出"), Text("calibrated", "校准后")


def reliability(found: Findings) -> Section | None:
    """Predicted against observed rates in bins."""
    tasks = [task for task in found.scored.of_kind("binary") if len(found.scored.index(task))]
    if not tasks:
        return None
    blocks: list[Block] = [block for task in tasks for block in _plots(found, task)]
    table = Table(
        [
            TASK, Text("predictions", "预测"), Text("mean predicted", "平均预测"),
            Text("observed", "实际"), Text("ECE", "ECE"), INTERVAL,
            Text("ECE by chance alone", "仅由偶然造成的 ECE"),
        ],
        [row for task in tasks for row in _rows(found, task)],
        Text("Expected calibration error: mean distance from the diagonal", "期望校准误差：与对角线的平均距离"), left=2,
    )  # fmt: skip
    return Section(
        "reliability", Text("Whether the probabilities are right", "概率是否准确"),
        Text(
            "Each point is a bin of rows with similar predictions. On the dashed line what is predicted is what "
            "happens; below "
            "it the model promises too much, above it too little. A bar is the interval of what was observed.",
            "每个点是预测相近的一组样本。在虚线上说明预测与实际一致；低于虚线为高估，高于虚线为低估。竖线为实际比例的区间。",
        ),
        [*_note(found), *blocks, table],
    )  # fmt: skip


def _sides(found: Findings) -> list[tuple[Text, Mapping[str, Array]]]:
    sides = [(_RAW, found.scored.raw)]
    return sides if found.scored.calibrated is None else [*sides, (_CALIBRATED, found.scored.calibrated)]


def _note(found: Findings) -> Iterator[Prose]:
    if found.scored.calibrated is not None:
        applied = found.opened.applied
        yield Prose(
            Text(
                "The checkpoint holds a calibration, fitted on validation rows. All else on this page is of "
                f"predictions {'with' if applied else 'without'} it, as runner.calibration says.",
                f"检查点带有在验证集上拟合的校准。本页其余部分使用{'校准后' if applied else '未校准'}的预测（由 "
                "runner.calibration 决定）。",
            )
        )


def _plots(found: Findings, task: Task) -> Iterator[Block]:
    curves = []
    for name, predicted in _sides(found):
        bins = _ece(found, task, predicted).more["curve"]
        x, y, low, high = (
            np.array([each[key] for each in bins]) for key in ("predicted", "observed", "observed_low", "observed_high")
        )
        curves.append(Line(name, x, y, low, high, points=True))
    title = Text(f"Reliability of {task.name}", f"{task.name} 的可靠性曲线")
    axes = Axes(Text("predicted", "预测"), Text("observed", "实际"), diagonal=Text("right", "准确"))
    yield Plot(lines(title, axes, curves), title)


def _ece(found: Findings, task: Task, predicted: Mapping[str, Array]) -> Estimate:
    asked = next((each.options for each in found.scored.asked.metrics if each.kind == "ece"), None)
    options = asked if isinstance(asked, ReliabilityOptions) else ReliabilityOptions()
    return ece(found.scored.rows(task, predicted=predicted), None, options)


def _rows(found: Findings, task: Task) -> Iterator[list[Cell]]:
    for name, predicted in _sides(found):
        rows = found.scored.rows(task, predicted=predicted)
        each = _ece(found, task, predicted)
        yield [
            task.name, name, percent(float(np.mean(rows.scores, dtype=np.float64))),
            percent(float(np.mean(rows.labels))), number(each.value, 5), interval(each.low, each.high, _five),
            number(each.more["noise"], 5),
        ]  # fmt: skip


def _five(value: float | None) -> str:
    return number(value, 5)
