"""Every metric with its interval, and how the scores rank: ROC and precision-recall curves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rec.evidence.findings import Findings
from rec.evidence.ranking import Curves, curves
from rec.evidence.words import INTERVAL, METRIC, ROWS, TASK, VALUE, meaning, metric
from rec.metrics.estimate import Estimate
from rec.report.html.page import Cell, Plot, Section, Table
from rec.report.html.plots import Axes, Line, lines
from rec.report.html.text import Text, count, interval, number, same


def metrics(found: Findings) -> Section:
    """What every task came to."""
    scored = found.scored
    rows = [
        [task.name, name, *_cells(each)] for task in scored.tasks for name, each in scored.estimates[task.name].items()
    ]
    recorded = list(_recorded(found))
    header = [
        TASK, METRIC, VALUE, INTERVAL,
        ROWS,
    ]  # fmt: skip
    tables = [Table(header, rows, Text("Metrics on the test rows", "测试样本上的指标"), left=2)]
    if recorded:
        tables.append(Table(header, recorded, Text("More, from metrics.json", "其余指标，来自 metrics.json"), left=2))
    return Section(
        "metrics", Text("How good the predictions are", "预测有多好"),
        Text(
            "The interval says how far a value can be trusted: intervals found in this way hold the true value 95 "
            "times in 100. The second table says what each metric means.",
            "区间表示数值的可信程度：这样得到的区间 100 次中有 95 次包含真值。各指标的含义见下表。",
        ),
        [*tables, _meanings(found)],
    )  # fmt: skip


def _cells(each: Estimate) -> tuple[str, str, str]:
    return number(each.value), interval(each.low, each.high), count(each.n)


def _recorded(found: Findings) -> Iterator[list[Cell]]:
    """Metrics of metrics.json that were not computed here."""
    recorded = found.recorded.get("metrics")
    for task, own in recorded.items() if isinstance(recorded, Mapping) else ():
        for name, each in own.items():
            if name not in found.scored.estimates.get(task, {}):
                low, high = each.get("low"), each.get("high")
                yield [task, name, number(each["value"]), interval(low, high), count(each["n"])]


def _meanings(found: Findings) -> Table:
    """What tasks predict and metrics say."""
    estimates = found.scored.estimates
    names = list(dict.fromkeys(name for own in estimates.values() for name in own))
    rows: list[list[Cell]] = [[task.name, meaning(task)] for task in found.scored.tasks]
    rows += [[name, metric(name)] for name in names]
    return Table([Text("word", "名称"), Text("meaning", "含义")], rows, Text("What the words mean", "名词解释"), left=2)


def ranking(found: Findings) -> Section | None:
    """ROC and precision-recall curves; None where no task predicts probabilities, or a class is missing."""
    tasks = {task.name: curves(found.scored.rows(task)) for task in found.scored.of_kind("binary")}
    known = {name: each for name, each in tasks.items() if each is not None}
    if not known:
        return None
    return Section(
        "ranking", Text("How well the scores rank", "排序能力"),
        Text(
            "ROC: the farther a curve bends to the upper left, the better rows where the event happens (positives) "
            "are told from the others; the dashed diagonal is guessing. Precision and recall: if the highest scores "
            "are taken until so many positives are found, how many of those taken are positive; guessing would stay at "
            "the share that the last column of the table below gives.",
            "ROC：曲线越靠近左上角，正样本（事件发生）与负样本区分得越好，虚线对角线为瞎猜。精确率与召回率：从得分最高的开始选，"
            "直到找到这么多正样本时，选中的样本里有多少是正样本；瞎猜会停在表格最后一列的水平。",
        ),
        [_roc(known), _precision(known), _table(known)],
    )  # fmt: skip


def _roc(known: Mapping[str, Curves]) -> Plot:
    title = Text("ROC curve", "ROC 曲线")
    axes = Axes(
        Text("share of negatives taken with them", "误选的负样本比例"),
        Text("share of positives found", "找到的正样本比例"),
        diagonal=Text("guessing", "瞎猜"),
    )  # fmt: skip
    return Plot(lines(title, axes, [Line(same(name), c.false_positive, c.recall) for name, c in known.items()]), title)


def _precision(known: Mapping[str, Curves]) -> Plot:
    title = Text("Precision and recall", "精确率与召回率")
    axes = Axes(
        Text("share of positives found", "找到的正样本比例"),
        Text("share of positives among those taken", "选中样本里正样本的比例"),
    )
    return Plot(lines(title, axes, [Line(same(name), c.recall, c.precision) for name, c in known.items()]), title)


def _table(known: Mapping[str, Curves]) -> Table:
    header = [TASK, Text("average precision", "平均精确率"), Text("by guessing", "瞎猜")]
    rows = [[name, number(each.average_precision), number(each.rate)] for name, each in known.items()]
    return Table(header, rows, Text("Area under the precision-recall curve", "PR 曲线下的面积"))
