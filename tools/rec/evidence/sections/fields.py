"""What the predictions rest on: permutation importance of fields, and what gates ask experts for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rec.evidence.findings import Findings
from rec.evidence.gates import Gates
from rec.evidence.importance import Loss
from rec.evidence.words import ROWS, TASK
from rec.report.html.forest import Row, forest
from rec.report.html.page import Block, Cell, Plot, Prose, Section, Table
from rec.report.html.plots import stacked
from rec.report.html.text import Text, count, listed, number

_SHOWN = 25


def importance(found: Findings) -> Section | None:
    """A forest plot for each task; None where it was not asked for, or no task's rows tell it."""
    given = found.importance
    if given is None or not given.tasks:
        return None
    blocks: list[Block] = [
        Prose(
            Text(
                f"Measured on {count(given.rows)} test rows (of them those that count for the task), with "
                f"{given.permutations} permutations of each field.",
                f"在 {count(given.rows)} 行测试样本上测得（其中对该任务有效的），"
                f"每个字段打乱 {given.permutations} 次。",
            )
        )
    ]
    for task, losses in given.tasks.items():
        blocks.append(_plot(task, losses, _is_number(found, task)))
    blocks += [_idle(task, losses) for task, losses in given.tasks.items() if useless(losses)]
    return Section(
        "importance", Text("Which fields the predictions rest on", "预测依靠哪些字段"),
        Text(
            "How much a task's AUC falls when one field's values are dealt out to the rows at random while all else "
            "stays: the farther right, the more the model relies on it. Of fields whose interval holds 0 (grey) "
            "these rows show no effect. That is no reason to drop them: two fields may tell the same, and shuffling "
            "one alone shows nothing then.",
            "把某一字段的取值随机打乱、其余不变，任务的 AUC 会下降多少：越靠右，模型越依赖它。区间包含 0 "
            "的字段（灰色）看不出作用。"
            "两个含义相同的字段，单独打乱其中一个都看不出影响。",
        ),
        blocks,
    )  # fmt: skip


def _is_number(found: Findings, task: str) -> bool:
    return any(each.name == task for each in found.scored.of_kind("regression"))


def _plot(task: str, losses: Mapping[str, Loss], is_number: bool) -> Plot:
    ordered = sorted(losses, key=lambda name: -losses[name].value)
    rows = [Row(name, losses[name].value, losses[name].low, losses[name].high) for name in ordered]
    axis = (
        Text("mean squared error gained, as a share", "均方误差增加的比例")
        if is_number
        else Text("AUC lost", "AUC 损失")
    )
    caption = Text(f"Importance for {task}", f"对 {task} 的重要性")
    if len(rows) > _SHOWN:
        caption += Text(f": the first {_SHOWN} of {len(rows)} fields", f"：{len(rows)} 个字段中的前 {_SHOWN} 个")
    return Plot(forest(caption, axis, rows[:_SHOWN], 0.0, verdicts=True), caption)


def _idle(task: str, losses: Mapping[str, Loss]) -> Prose:
    idle = listed(useless(losses))
    return Prose(Text(f"{task}: no effect is seen of {idle.en}.", f"{task}：看不出作用的字段：{idle.zh}。"))


def useless(losses: Mapping[str, Loss]) -> list[str]:
    """The fields whose interval does not lie above 0."""
    return [name for name, loss in losses.items() if loss.low <= 0]


def needed(losses: Mapping[str, Loss]) -> list[str]:
    """The other fields, the most important first."""
    return sorted(set(losses) - set(useless(losses)), key=lambda name: (-losses[name].value, name))


def gates(found: Findings) -> Section | None:
    """Mean gate weights by task; None where the network has no gates."""
    if not found.gates:
        return None
    blocks = [block for each in found.gates for block in _group(each)]
    return Section(
        "gates", Text("Gates and experts", "门控与专家"),
        Text(
            "Each bar is a task, its parts the experts, as wide as the task's gate weighs them on average over test "
            "rows. Equal bars mean that the tasks use the experts alike; an expert that no bar shows is dead.",
            "每根横条是一个任务，各段是专家，宽度为该任务门控在测试样本上的平均权重。横条相同说明各任务用法一样；看不到的专家已经失效。",
        ),
        blocks,
    )  # fmt: skip


def _group(each: Gates) -> Iterator[Block]:
    title = Text(f"Gate weights, {each.group}", f"门控权重，{each.group}")
    share = Text("mean weight", "平均权重")
    yield Plot(stacked(title, share, list(each.weights), list(each.weights.values()), each.experts), title)
    rows: list[list[Cell]] = [
        [tower, part, number(float(weights[at]), 3), number(float(each.varying[tower][at]), 3)]
        for tower, weights in each.weights.items()
        for at, part in enumerate(each.experts)
    ]
    header = [
        TASK, Text("expert", "专家"), Text("mean weight", "平均权重"), Text("varies by (standard deviation)", "标准差")
    ]  # fmt: skip
    yield Table(header, rows, title, left=2)


def truth(found: Findings) -> Section | None:
    """Against the known probabilities of simulated data; None of real data."""
    if not found.scored.truth:
        return None
    header = [
        TASK, Text("AUC", "AUC"), Text("ceiling", "上限"),
        Text("share of the ceiling above 1/2", "超出 1/2 部分占上限的比例"),
        Text("RMSE", "RMSE"), Text("predicted over true", "预测与真实之比"), ROWS,
    ]  # fmt: skip
    rows: list[list[Cell]] = [
        [name, number(r.auc), number(r.ceiling), number(r.share_of_ceiling), number(r.rmse, 5),
         number(r.calibration), count(r.n)]
        for name, r in found.scored.truth.items()
    ]  # fmt: skip
    return Section(
        "truth", Text("Against the known truth, over the entire space", "与已知真值比较（全空间）"),
        Text(
            "These data are simulated, so the probability behind every label is known, also for rows that were not "
            "clicked, whose conversion no log can show. The ceiling is the AUC of these probabilities themselves: "
            "nobody can rank better.",
            "数据是模拟的，因此每个标签背后的概率都已知，包括未点击样本的转化率，真实日志看不到这些。"
            "上限是这些概率本身的 AUC：没有人能排得更好。",
        ),
        [Table(header, rows, Text("Predictions against true probabilities", "预测与真实概率"))],
    )  # fmt: skip
