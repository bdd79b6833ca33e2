"""The four quadrants of items, and which of them deserve more impressions than they get."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rec.evidence.findings import Findings
from rec.evidence.quadrants import CERTAIN, Quadrants, Rate
from rec.evidence.words import INTERVAL
from rec.numeric import Array
from rec.report.html.page import Block, Cell, Plot, Prose, Section, Table
from rec.report.html.plots import Axes, Cloud, scatter
from rec.report.html.text import Text, count, interval, percent

_SHOWN = 30
_POINTS = 5000


def items(found: Findings) -> Section:
    """Where items stand; a line where none can be told apart."""
    title, given = Text("Items: who deserves more impressions", "物品四象限：谁值得更多曝光"), found.quadrants
    how = Text(
        "Each mark is an item, the larger the more impressions it gets; the black lines are the averages over "
        "impressions. The upper right is best. Rates are shrunk: an item with few impressions is drawn towards what "
        "is usual, because 1 click in 2 impressions says little.",
        "每个点是一个物品，越大曝光越多；黑线是按曝光的平均水平，右上最好。比率经过收缩：曝光少的物品向常见水平靠拢，"
        "因为 2 次曝光 1 次点击说明不了什么。",
    )
    if given is None:
        none = Text(
            "No field of items is known, or the test rows tell nothing of them: --item FIELD names one.",
            "没有已知的物品字段，或测试样本无法说明：用 --item FIELD 指定。",
        )
        return Section("items", title, how, [Prose(none)])
    blocks: list[Block] = [_priors(given), _plot(given), *_counts(given), *_underrated(given), *_new(given)]
    return Section("items", title, how, blocks)


def _priors(given: Quadrants) -> Prose:
    en = [
        f"{rate.task.name} is {percent(rate.overall)} over all impressions; the shrunk rate of an item is what its own "
        f"rows say, mixed with {rate.prior.strength:.1f} more rows of what is usual for an item, "
        f"{percent(rate.prior.mean)}"
        for rate in given.rates
    ]
    zh = [
        f"{rate.task.name} 按曝光平均为 {percent(rate.overall)}；物品的收缩值由它自己的样本，加上 "
        f"{rate.prior.strength:.1f} 行物品的常见水平（{percent(rate.prior.mean)}）的样本算出"
        for rate in given.rates
    ]
    return Prose(Text("; ".join(en) + ".", "；".join(zh) + "。"))


def _plot(given: Quadrants) -> Plot:
    first, second = given.first, given.second
    # With one task the other axis is what an item gets.
    y = given.impressions.astype(np.float64) if second is None else second.shrunk
    cross = first.overall, given.few if second is None else second.overall
    underrated = np.zeros(len(given.names), bool)
    underrated[given.underrated] = True
    groups = [
        (Text("known", "已知物品"), ~given.new & ~underrated), (Text("underrated", "被低估"), underrated),
        (Text("new", "新物品"), given.new),
    ]  # fmt: skip
    area = 6 + 60 * np.sqrt(given.impressions / max(1, int(given.impressions.max(initial=1))))
    clouds = []
    for name, chosen in groups:
        at = np.flatnonzero(chosen)
        at = at[np.argsort(-given.impressions[at], kind="stable")[:_POINTS]]
        if len(at):
            clouds.append(Cloud(name, first.shrunk[at], y[at], area[at]))
    vertical = Text("impressions", "曝光数") if second is None else _shrunk(second)
    axes = Axes(_shrunk(first), vertical, log_y=second is None)
    title = Text(
        "Items by their rates; the lines are the average impression's", "按比率分布的物品；黑线为平均曝光的水平"
    )
    return Plot(scatter(title, axes, clouds, cross), title, wide=True)


def _shrunk(rate: Rate) -> Text:
    return Text(f"{rate.task.name}, shrunk", f"{rate.task.name}（收缩后）")


def _counts(given: Quadrants) -> Iterator[Block]:
    """How many items are in each quadrant, and what they get."""
    first, second = given.first, given.second
    if second is None:
        return
    right, up = given.high(first), given.high(second)
    total, rows = int(given.impressions.sum()), []
    for high, converts in ((True, True), (True, False), (False, True), (False, False)):
        chosen = (right == high) & (up == converts) & ~given.new
        words = Text(
            f"{first.task.name} {'high' if high else 'low'}, {second.task.name} {'high' if converts else 'low'}",
            f"{first.task.name} {'高' if high else '低'}，{second.task.name} {'高' if converts else '低'}",
        )
        rows.append([words, *_row(given, chosen, total)])
    rows.append([Text("new items, apart", "新物品（单列）"), *_row(given, given.new, total)])
    header = [
        Text("quadrant", "象限"), Text("items", "物品数"), Text("share of impressions", "曝光占比"),
        *(Text(f"{rate.task.name}, {way}", f"{rate.task.name} {zh}") for rate in given.rates
          for way, zh in (("observed", "实际"), ("predicted", "预测"))),
    ]  # fmt: skip
    yield Table(
        header, rows,
        Text(
            "What each quadrant gets. Items were sorted by what was observed of these very rows, so observed lies "
            "above predicted where a rate is high, and below it where it is low, by that alone",
            "各象限得到的曝光。物品按这些样本的实际比率划分，因此“高”象限的实际值必然偏高于预测，“低”象限偏低",
        ),
    )  # fmt: skip


def _row(given: Quadrants, chosen: Array, total: int) -> list[Cell]:
    cells: list[Cell] = [
        count(int(chosen.sum())),
        percent(float(given.impressions[chosen].sum() / max(1, total))),
    ]
    for rate in given.rates:
        trials = int(rate.trials[chosen].sum())
        cells.append(percent(float(rate.successes[chosen].sum() / trials) if trials else None))
        cells.append(percent(_mean_prediction(rate, chosen)))
    return cells


def _mean_prediction(rate: Rate, chosen: Array) -> float | None:
    own = chosen & (rate.trials > 0)
    weight = int(rate.trials[own].sum())
    return float(rate.predicted[own] @ rate.trials[own] / weight) if weight else None


def _underrated(given: Quadrants) -> Iterator[Block]:
    chosen = given.underrated
    known, each = count(int((~given.new).sum())), f"{given.few:.1f}"
    few = Text(
        f"Underrated are items that get fewer impressions than an equal share among the known ones ({each}), and whose "
        f"rates lie above the average with a chance of some {100 * CERTAIN:.0f} % each: "
        f"{count(len(chosen))} of {known} known items. They are worth trying more often, though with so few "
        "impressions some of them are luck.",
        f"“被低估”的物品：曝光少于已知物品平均分配的份额（{each} 次），且每个比率高于平均的概率约为 "
        f"{100 * CERTAIN:.0f} % 以上："
        f"{known} 个已知物品中有 {count(len(chosen))} 个，值得多尝试；曝光这么少，其中一些只是运气。",
    )
    yield Prose(few)
    if len(chosen):
        yield _table(
            given, chosen[:_SHOWN], Text("Underrated items, the most promising first", "被低估的物品，最有希望的在前")
        )


def _new(given: Quadrants) -> Iterator[Block]:
    chosen = np.flatnonzero(given.new)
    if not len(chosen):
        return
    chosen = chosen[np.argsort(-given.product[chosen], kind="stable")]
    yield Prose(
        Text(
            f"Apart stand the items that training has not seen ({count(len(chosen))}): their predictions rest on other "
            "fields alone, and a few impressions say little yet.",
            f"训练中没有出现过的物品单独列出（{count(len(chosen))} 个）：预测只能依靠其他字段，"
            "少量曝光还说明不了什么。",
        )
    )
    some = min(len(chosen), _SHOWN // 2)
    caption = Text(
        f"New items, those with the highest shrunk rates first: {some} of {count(len(chosen))}",
        f"新物品，收缩后比率最高的在前：{count(len(chosen))} 个中的 {some} 个",
    )
    yield _table(given, chosen[:some], caption)


def _table(given: Quadrants, chosen: Array, caption: Text) -> Table:
    header: list[Cell] = [Text("item", "物品"), Text("impressions", "曝光数")]
    columns: list[list[Cell]] = [
        [given.names[at] for at in chosen], [count(int(given.impressions[at])) for at in chosen]
    ]  # fmt: skip
    for rate in given.rates:
        name, low_high = rate.task.name, rate.prior.bounds(rate.successes[chosen], rate.trials[chosen])
        header += [
            Text(f"{name}: counted", f"{name}：计数"), Text("shrunk", "收缩后"), INTERVAL,
            Text("predicted", "预测"),
        ]  # fmt: skip
        columns += [
            [f"{int(rate.successes[at])} / {int(rate.trials[at])}" for at in chosen],
            [percent(float(rate.shrunk[at])) for at in chosen],
            [interval(float(a), float(b), percent) for a, b in zip(*low_high, strict=True)],
            [percent(float(rate.predicted[at]) if np.isfinite(rate.predicted[at]) else None) for at in chosen],
        ]
    return Table(header, list(zip(*columns, strict=True)), caption)
