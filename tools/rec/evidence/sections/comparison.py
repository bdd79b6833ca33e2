"""Runs on the same rows against the first of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rec.config.metrics import Column
from rec.evidence.findings import Findings
from rec.evidence.opened import Opened
from rec.evidence.pairs import LEAST, Change, Part, by_segment, changes, shared_tasks
from rec.evidence.scored import Scored
from rec.evidence.words import INTERVAL, METRIC, TASK
from rec.report.html.forest import Row, forest
from rec.report.html.page import Block, Cell, Language, Plot, Prose, Section, Table
from rec.report.html.text import Text, count, interval, number, same

_LOWER = {"logloss"}


def overall(runs: Sequence[tuple[Opened, Scored]]) -> Section:
    """Each run against the first: how much better or worse, and whether that is known."""
    (first, base), *others = runs
    blocks: list[Block] = []
    for opened, scored in others:
        found = changes(base, scored, _user(first, base))
        blocks += [Prose(_verdict(first, opened, found)), _table(first, opened, found)]
    return Section(
        "comparison", Text(f"Against {first.name}", f"与 {first.name} 相比"),
        Text(
            "Both runs score the very same test rows, so what these rows happen to be cancels in the difference. "
            "Where its "
            "interval leaves 0 out, other rows of the kind would say the same.",
            "各次运行在完全相同的测试样本上打分，样本本身的偶然性在差值中抵消。区间不含 0 时，"
            "换一批同类样本结论也会相同。",
        ),
        blocks,
    )  # fmt: skip


def left_out(found: Findings) -> Section | None:
    """What each task's company does for the others; None where nobody asked."""
    if not found.left_out:
        return None
    header = [
        Text("without", "去掉"), TASK, Text("AUC without", "去掉后的 AUC"), Text("with", "不去掉"),
        Text("difference", "差值"), INTERVAL, Text("verdict", "结论"),
    ]  # fmt: skip
    listed = [(each.behaviour, change) for each in found.left_out for change in each.changes]
    rows: list[list[Cell]] = [
        [
            behaviour, each.task, number(each.first), number(each.second), f"{each.value:+.5f}",
            interval(each.low, each.high, _signed), _word(each),
        ]
        for behaviour, each in listed
    ]  # fmt: skip
    strong = frozenset(at for at, (_, each) in enumerate(listed) if each.decided)
    caption = Text("AUC with the task less AUC without it, paired DeLong", "不去掉减去掉的 AUC，配对 DeLong")
    return Section(
        "left-out", Text("What each task does for the others", "每个任务对其他任务的作用"),
        Text(
            "The same config trained again, from the same seed, with one behaviour's loss left out (its weight 0). The "
            "others are better with it where the difference is above 0. The interval is of the test rows, not of "
            "another seed. The task that was left out is in the table too: what it is without training. Where the run "
            "chose its epoch by a validation metric, each training chose its own.",
            "用相同的配置和种子重新训练，去掉一个行为的损失（权重为 0）。差值大于 0 表示有它更好。"
            "区间只反映测试样本，不反映换种子。被去掉的任务本身也在表中：即没有训练它时的表现。"
            "若按验证指标选择轮次，每次训练各自选择。",
        ),
        [Table(header, rows, caption, left=2, strong=strong)],
    )  # fmt: skip


def _user(opened: Opened, scored: Scored) -> str | None:
    name = opened.columns.user
    return name if name and scored.has(Column(name, "group")) else None


def _verdict(first: Opened, second: Opened, found: Sequence[Change]) -> Text:
    better = [each for each in found if each.decided and _gain(each) > 0]
    worse = [each for each in found if each.decided and _gain(each) < 0]
    if not better and not worse:
        return Text(
            f"{second.name} is not known to differ from {first.name} in any metric.",
            f"没有证据表明 {second.name} 与 {first.name} 在任何指标上有差别。",
        )
    parts = [
        Text(f"{en} {_named(group, 'en')}", f"{zh}：{_named(group, 'zh')}")
        for en, zh, group in (("better in", "更好", better), ("worse in", "更差", worse)) if group
    ]  # fmt: skip
    return Text(
        f"{second.name} is {' and '.join(part.en for part in parts)}.",
        f"{second.name} {'；'.join(part.zh for part in parts)}。",
    )


def _named(found: Sequence[Change], language: Language) -> str:
    if language == "zh":
        return "、".join(f"{each.task} 的 {each.metric}" for each in found)
    return ", ".join(f"{each.metric} of {each.task}" for each in found)


def _gain(each: Change) -> float:
    return -each.value if each.metric in _LOWER else each.value


def _table(first: Opened, second: Opened, found: Sequence[Change]) -> Table:
    header = [
        TASK, METRIC, same(first.name), same(second.name), Text("difference", "差值"),
        INTERVAL, Text("verdict", "结论"),
    ]  # fmt: skip
    rows: list[list[Cell]] = [
        [
            each.task, each.metric, number(each.first), number(each.second), f"{each.value:+.5f}",
            interval(each.low, each.high, _signed), _word(each),
        ]
        for each in found
    ]  # fmt: skip
    strong = frozenset(at for at, each in enumerate(found) if each.decided)
    caption = Text(
        f"{second.name} less {first.name}: AUC by paired DeLong, logloss and GAUC by bootstrap",
        f"{second.name} 减 {first.name}：AUC 用配对 DeLong，logloss 与 GAUC 用自助法",
    )
    return Table(header, rows, caption, left=2, strong=strong)


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.5f}"


def _word(each: Change) -> Text:
    if not each.decided:
        return Text("not known to differ", "看不出差别")
    return Text("better", "更好") if _gain(each) > 0 else Text("worse", "更差")


def segments(runs: Sequence[tuple[Opened, Scored]]) -> Section | None:
    """Where each run wins and loses; None where rows are not told apart, or segments have too few rows."""
    (_, base), *others = runs
    blocks = [
        block for opened, scored in others for task in shared_tasks(base, scored)
        for segment, parts in by_segment(base, scored, task).items()
        for block in _segment(opened.name, task.name, segment, parts)
    ]  # fmt: skip
    if not blocks:
        return None
    return Section(
        "where", Text("Where it wins and where it loses", "在哪里更好，在哪里更差"),
        Text(
            "Each mark is the difference of AUC within one value of a field: a blue triangle up wins, an orange one "
            f"down loses, a grey dot is not known to differ. Values with fewer than {LEAST} rows of either class are "
            "left out.",
            f"每个标记是某个取值内 AUC 的差：蓝色上三角更好，橙色下三角更差，灰点看不出差别。正或负样本少于 {LEAST} "
            "行的取值未列出。",
        ),
        blocks,
    )  # fmt: skip


def _segment(run: str, task: str, segment: str, parts: Sequence[Part]) -> Iterator[Block]:
    if not parts:
        return
    shown = sorted(parts, key=lambda part: -part.change.value)
    rows = [
        Row(f"{part.name} ({count(part.rows)})", part.change.value, part.change.low, part.change.high) for part in shown
    ]
    caption = Text(f"{run}: {task} by {segment}", f"{run}：按 {segment} 划分的 {task}")
    yield Plot(forest(caption, Text("difference of AUC", "AUC 之差"), rows, 0.0, verdicts=True), caption)
