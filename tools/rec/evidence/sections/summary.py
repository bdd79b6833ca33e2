"""The page in a few sentences, for who has never seen the project."""

from __future__ import annotations

from collections.abc import Iterator

from rec.evidence.findings import Findings
from rec.evidence.quadrants import CERTAIN
from rec.evidence.sections.fields import needed, useless
from rec.evidence.words import INTERVAL, TASK, event, happened, meaning
from rec.metrics.estimate import Estimate
from rec.metrics.task import Task
from rec.report.html.page import Cell, Prose, Section, Table
from rec.report.html.text import Text, count, interval, joined, listed, number, percent, same
from rec.run.parts import asked_for

_TOLD = 3
"""Tasks that are told of in words."""


def summary(found: Findings) -> Section:
    """What the model predicts, how well, and what to do about it."""
    table = Table(
        [
            TASK, Text("predicts", "预测内容"), Text("AUC", "AUC"), INTERVAL,
            Text("predicted / observed", "预测 / 实际"),
        ],
        [_row(found, task) for task in found.scored.of_kind("binary")],
        Text("The numbers that matter most; 95 % intervals in brackets", "最重要的数字，方括号内为 95 % 区间"), left=2,
    )  # fmt: skip
    paragraphs = [Prose(text) for text in (_what(found), *_warning(found), *_findings(found))]
    return Section(
        "summary", Text("In short", "摘要"),
        Text(
            "A row is an impression: an item shown once to a user. All numbers but those of training are of test rows, "
            "which training has not seen. Brackets hold 95 % intervals: how far a number can be trusted.",
            "一行（样本）是一次曝光：一个物品向一个用户展示一次。除训练过程外，所有数字都来自训练没有见过的测试样本。"
            "方括号内是 95 % 区间，表示数字的可信程度。",
        ),
        [*paragraphs, *([table] if table.rows else [])],
    )  # fmt: skip


def _what(found: Findings) -> Text:
    manifest = found.opened.manifest
    epochs = manifest.epoch + (manifest.next_batch is None)
    names = [same(f"{task.name} (") + meaning(task) + same(")") for task in found.scored.tasks]
    predicts = Text(", ".join(name.en for name in names), "、".join(name.zh for name in names))
    return Text(
        f"This page judges a model that predicts for each impression: {predicts.en}. It was trained for {epochs} "
        f"{'epoch' if epochs == 1 else 'epochs'} ({count(manifest.step)} updates), and is judged on "
        f"{count(len(found.scored))} test rows.",
        f"本页评估一个模型，它对每次曝光预测：{predicts.zh}。它训练了 {epochs} 轮（{count(manifest.step)} 步更新），在 "
        f"{count(len(found.scored))} 行测试样本上评估。",
    )


def _warning(found: Findings) -> Iterator[Text]:
    trained, tested = found.opened.training_data, found.opened.test_data
    if trained is not None and trained == tested and not asked_for(found.opened.run.config.data, "test"):
        yield Text(
            "The model was trained on these very rows: on others all results may be worse.",
            "模型正是用这些样本训练的：换成其他样本，所有结果都可能变差。",
        )


def _row(found: Findings, task: Task) -> list[Cell]:
    auc, ratio = (found.scored.estimates[task.name][name] for name in ("auc", "calibration"))
    told = f"{number(ratio.value, 3)} {interval(ratio.low, ratio.high, _three)}"
    return [task.name, meaning(task), number(auc.value), interval(auc.low, auc.high), told]


def _three(value: float | None) -> str:
    return number(value, 3)


def _findings(found: Findings) -> Iterator[Text]:
    binary = found.scored.of_kind("binary")
    for task in binary[:_TOLD]:
        own = found.scored.estimates[task.name]
        yield joined([_ranks(task, own["auc"]), _within_users(own.get("gauc")), _promises(found, task)])
    if len(binary) > _TOLD:
        yield Text("The table has the other tasks.", "其余任务见表。")
    yield from _numbers(found)
    for task in found.scored.tasks[:_TOLD]:
        yield from _important(found, task)
    yield from _items(found)


def _ranks(task: Task, auc: Estimate) -> Text:
    if auc.value is None:
        return Text(
            f"{task.name} cannot be judged: the test rows lack a class.",
            f"{task.name} 无法评估：测试样本缺少正类或负类。",
        )
    verdict = Text("", "")
    if auc.low is not None and auc.low <= 0.5:
        verdict = Text(" These rows cannot tell it from guessing.", "这些样本还不能把它与瞎猜区分开。")
    with_it, without = happened(task)
    return (
        Text(
            f"{task.name}: of {with_it.en} and {without.en}, the former is given the higher score in "
            f"{percent(auc.value)} of cases {interval(auc.low, auc.high, percent)}; guessing reaches 50 %.",
            f"{task.name}：任取一个{with_it.zh}和一个{without.zh}，前者得分更高的比例为 {percent(auc.value)} "
            f"{interval(auc.low, auc.high, percent)}；瞎猜为 50 %。",
        )
        + verdict
    )


def _within_users(gauc: Estimate | None) -> Text:
    """What a list for one user is ordered by."""
    if gauc is None or gauc.value is None:
        return Text("", "")
    told = Text(
        f"Among the impressions of one user it is {percent(gauc.value)} {interval(gauc.low, gauc.high, percent)}.",
        f"在同一用户的曝光之间为 {percent(gauc.value)} {interval(gauc.low, gauc.high, percent)}。",
    )
    if gauc.low is None or gauc.low > 0.5:
        return told
    return told + Text(" There these rows cannot tell it from guessing.", "这些样本还不能把它与瞎猜区分开。")


def _promises(found: Findings, task: Task) -> Text:
    ratio = found.scored.estimates[task.name]["calibration"]
    if ratio.value is None or ratio.low is None or ratio.high is None:
        return Text("", "")
    what = event(task)
    right = ratio.low <= 1 <= ratio.high
    verdict = Text("the interval holds 1, so it may be right", "区间包含 1，可能是准确的") if right else (
        Text("too many", "偏多") if ratio.value > 1 else Text("too few", "偏少")
    )  # fmt: skip
    return Text(
        f"It predicts {_two(ratio.value)} times {interval(ratio.low, ratio.high, _two)} as many {what.en} as came: "
        f"{verdict.en}.",
        f"预测的{what.zh}数是实际的 {_two(ratio.value)} 倍 {interval(ratio.low, ratio.high, _two)}：{verdict.zh}。",
    )


def _two(value: float | None) -> str:
    return number(value, 2)


def _numbers(found: Findings) -> Iterator[Text]:
    for task in found.scored.of_kind("regression"):
        mae, xauc = (found.scored.estimates[task.name][name] for name in ("mae", "xauc"))
        yield Text(
            f"{task.name}: the prediction is off by {number(mae.value)} on average, and orders two rows rightly in "
            f"{percent(xauc.value)} of cases.",
            f"{task.name}：预测平均相差 {number(mae.value)}，两行之间顺序正确的比例为 {percent(xauc.value)}。",
        )


def _important(found: Findings, task: Task) -> Iterator[Text]:
    losses = found.importance.tasks.get(task.name) if found.importance else None
    if not losses or not needed(losses):
        return
    first, idle = needed(losses)[:3], len(useless(losses))
    names, most = listed(first), losses[first[0]].value
    worse = Text(f"its AUC would fall by {number(most, 3)}", f"AUC 会下降 {number(most, 3)}")
    if task.kind == "regression":
        worse = Text(f"its mean squared error would rise by {percent(most)}", f"均方误差会增加 {percent(most)}")
    yield Text(
        f"{task.name} rests most on {'fields' if len(first) > 1 else 'field'} {names.en}: with the values of "
        f"{first[0]} shuffled {worse.en}. Of {len(losses)} fields {idle} show no effect on it here.",
        f"{task.name} 最依赖字段 {names.zh}：打乱 {first[0]} 的取值，{worse.zh}。{len(losses)} 个字段中有 {idle} "
        "个在这里看不出作用。",
    )


def _items(found: Findings) -> Iterator[Text]:
    given = found.quadrants
    if given is not None:
        chosen, new = len(given.underrated), int(given.new.sum())
        yield Text(
            f"Of {count(len(given.names))} items in the test rows {count(new)} are new to the model, and "
            f"{count(chosen)} are underrated: with a chance of some {100 * CERTAIN:.0f} % better than the average "
            "impression, and shown less than an equal share.",
            f"测试样本中的 {count(len(given.names))} 个物品里，{count(new)} 个对模型来说是新的，{count(chosen)} "
            "个被低估："
            f"以约 {100 * CERTAIN:.0f} % 的概率好于平均，却少有曝光。",
        )
