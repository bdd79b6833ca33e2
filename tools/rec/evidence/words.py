"""How a page speaks of tasks and metrics."""

from __future__ import annotations

from collections.abc import Mapping

from rec.metrics.task import Task
from rec.report.html.text import Text

TASK, METRIC, VALUE = Text("task", "任务"), Text("metric", "指标"), Text("value", "值")
INTERVAL, ROWS = Text("95 % interval", "95 % 区间"), Text("rows", "样本数")
"""Of the headers of tables."""

_TASKS: Mapping[tuple[str, str], Text] = {
    ("click", ""): Text(
        "click-through rate: how probable it is that an impression is clicked", "点击率：用户点击的概率"
    ),
    ("conversion", "click"): Text(
        "conversion rate: how probable a conversion (such as a purchase) is once an impression is clicked",
        "转化率：点击之后转化的概率",
    ),
    ("conversion", ""): Text(
        "click and conversion together: how probable it is that an impression is clicked and then converts",
        "点击且转化：一次曝光既被点击又转化的概率",
    ),
}


def meaning(task: Task) -> Text:
    """What a task predicts."""
    known = _TASKS.get((task.label, task.among or ""))
    if known is not None and task.kind == "binary":
        return known
    if task.kind == "regression":
        return Text(f"the number {task.label}", f"数值 {task.label}")
    among = Text(f" once {task.among} has happened", f"（{task.among} 发生之后）") if task.among else Text("", "")
    return Text(f"how probable {task.label} is", f"{task.label} 发生的概率") + among


def event(task: Task) -> Text:
    """What is counted where a task's label is 1, in the plural."""
    known = {"click": Text("clicks", "点击"), "conversion": Text("conversions", "转化")}
    return known.get(task.label, Text(f"rows with {task.label}", f"{task.label} 为 1 的样本"))


def happened(task: Task) -> tuple[Text, Text]:
    """What a row is called where a task's label is 1, and where it is 0."""
    known = {
        ("click", None): (Text("a clicked row", "点击的样本"), Text("one that is not", "未点击的样本")),
        ("conversion", "click"): (
            Text("a click that converts", "转化的点击"),
            Text("one that does not", "未转化的点击"),
        ),
        ("conversion", None): (Text("a row that converts", "转化的样本"), Text("one that does not", "未转化的样本")),
    }
    plain = Text(f"a row with {task.label}", f"{task.label} 为 1 的样本"), Text("one without", "为 0 的样本")
    return known.get((task.label, task.among), plain)


METRICS: Mapping[str, Text] = {
    "auc": Text(
        "probability that a positive row scores above a negative one; 0.5 is guessing, 1 is perfect",
        "正样本得分高于负样本的概率；0.5 等于瞎猜，1 为完美",
    ),
    "gauc": Text("AUC within each user, averaged by impressions", "每个用户内部的 AUC，按曝光数平均"),
    "logloss": Text(
        "mean of -log of the probability that was given to what happened; lower is better",
        "平均对数损失（nat），越低越好",
    ),
    "normalized_entropy": Text(
        "logloss over that of always predicting the average; below 1 is better than that",
        "对数损失与“总是预测平均值”之比；小于 1 才有用",
    ),
    "calibration": Text(
        "predicted positives over observed ones; 1 is right, above it the model promises too much",
        "预测的正样本数与实际之比；1 为准确，大于 1 表示高估",
    ),
    "ece": Text(
        "expected calibration error: mean distance of predicted and observed rate over bins of rows; chance alone "
        "makes some, which the interval has taken off, so that it may lie below the value, and hold 0",
        "期望校准误差：各分箱内预测与实际之差的平均；偶然性使它不会为 0，区间已扣除这一部分",
    ),
    "mae": Text("mean absolute error, in the label's units", "平均绝对误差（与标签同单位）"),
    "rmse": Text("root of the mean squared error, in the label's units", "均方根误差（与标签同单位）"),
    "xauc": Text(
        "probability that of two rows the one with the larger number is predicted larger",
        "两行中数值大的那一行预测也更大的概率",
    ),
}


def metric(name: str) -> Text:
    """What a metric says; of one that explains itself nothing."""
    return METRICS.get(name.split("@")[0], METRICS.get(name.split("_")[0], Text("", "")))
