"""For whom the model is good: segments side by side, and users one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from rec.config.metrics import Segment
from rec.evidence.findings import Findings
from rec.evidence.words import INTERVAL, METRIC, TASK, VALUE
from rec.metrics.groups import Groups
from rec.metrics.task import Task
from rec.metrics.weighted_auc import auc_of
from rec.report.html.forest import Row, forest
from rec.report.html.page import Block, Cell, Plot, Section, Table
from rec.report.html.plots import bars
from rec.report.html.text import Text, count, interval, number, percent, same

_SHOWN = 20


def segments(found: Findings) -> Section | None:
    """AUC of each task in each value of each segment; None where rows are not told apart."""
    blocks = [
        block for task in found.scored.of_kind("binary") for segment in found.scored.asked.segments
        for block in _segment(found, task, segment)
    ]  # fmt: skip
    blocks += list(_recorded(found))
    if not blocks:
        return None
    return Section(
        "segments", Text("For which rows it is good", "在哪些样本上表现好"),
        Text(
            "Each point is the AUC within one value of a field, its line the interval; the dashed line is the AUC over "
            "all rows. A line that does not reach the dashed one marks rows that are ranked better or worse than most; "
            "of twenty lines one fails to reach it by chance.",
            "每个点是某个取值内的 AUC，横线为区间，虚线为全部样本的 AUC。横线碰不到虚线的，排序明显好于或差于整体；"
            "二十条横线中会有一条只是偶然碰不到。",
        ),
        blocks,
    )  # fmt: skip


def _segment(found: Findings, task: Task, segment: Segment) -> Iterator[Block]:
    names, place = found.scored.parts(segment)
    index = found.scored.index(task)
    counts = np.bincount(place[index], minlength=len(names))
    rows = []
    for at in sorted(np.argsort(-counts, kind="stable")[:_SHOWN].tolist()):
        each = auc_of(found.scored.rows(task, index[place[index] == at]), None)
        rows.append(Row(f"{names[at]} ({counts[at]:,})", each.value, each.low, each.high))
    if not any(row.value is not None for row in rows):
        return
    left_out = sum(row.value is None for row in rows)
    caption = Text(
        f"{task.name} by {segment.name}: AUC, and in brackets how many rows",
        f"按 {segment.name} 划分的 {task.name}：AUC，括号内为样本数",
    )
    if left_out:
        caption += Text(
            f"; {left_out} values without both classes are left out", f"；{left_out} 个取值缺少正或负样本，未列出"
        )
    whole = auc_of(found.scored.rows(task), None).value
    yield Plot(forest(caption, Text("AUC", "AUC"), rows, whole), caption)


def _recorded(found: Findings) -> Iterator[Block]:
    """Segments of metrics.json that this page has not computed."""
    recorded = found.recorded.get("segments")
    known = {segment.name for segment in found.scored.asked.segments}
    for segment, values in recorded.items() if isinstance(recorded, Mapping) else ():
        if segment in known:
            continue
        rows: list[list[Cell]] = [
            [value, task, metric, number(each["value"]), interval(each["low"], each["high"])]
            for value, tasks in values.items() for task, own in tasks.items() for metric, each in own.items()
        ]  # fmt: skip
        header: list[Cell] = [
            same(segment), TASK, METRIC, VALUE, INTERVAL
        ]  # fmt: skip
        yield Table(header, rows, Text("from metrics.json", "来自 metrics.json"), left=3)


def users(found: Findings) -> Section | None:
    """The distribution of AUC within users; None where no field holds them."""
    user = found.user
    if user is None:
        return None
    blocks = [block for task in found.scored.of_kind("binary") for block in _within(found, task, user.key)]
    if not blocks:
        return None
    return Section(
        "users", Text("How it ranks within each user", "在每个用户内部的排序"),
        Text(
            "What a user is shown is chosen among that user's own candidates, so what counts is the order within "
            "users. A bar is the share of impressions whose user's AUC lies there; left of 0.5 the order is worse "
            "than chance, which users with few impressions reach by accident.",
            "线上只在同一用户的候选之间排序，所以用户内部的顺序才重要。柱高为该 AUC 区间内用户的曝光占比；0.5 "
            "以左比随机还差，"
            "曝光少的用户也可能只是偶然。",
        ),
        blocks,
    )  # fmt: skip


def _within(found: Findings, task: Task, key: str) -> Iterator[Block]:
    groups = Groups.of(found.scored.rows(task), key)
    area, weight = groups.areas()
    counted = ~np.isnan(area)
    if not counted.any():
        return
    edges = np.linspace(0, 1, 21)
    heights = np.histogram(area[counted], edges, weights=weight[counted] / weight[counted].sum())[0]
    mean = float(area[counted] @ weight[counted] / weight[counted].sum())
    title = Text(f"AUC of {task.name} within users", f"{task.name} 的用户内 AUC")
    told = Text(
        f": mean {number(mean)} (GAUC); {count(int(counted.sum()))} of {count(len(groups))} users have both a positive "
        f"and a negative row, {percent(float(weight[counted].sum() / weight.sum()))} of the impressions",
        f"：平均 {number(mean)}（GAUC）；{count(len(groups))} 个用户中有 {count(int(counted.sum()))} 个同时有正负样本，"
        f"占曝光的 {percent(float(weight[counted].sum() / weight.sum()))}",
    )
    axes = Text("AUC within a user", "用户内 AUC"), Text("share of impressions", "曝光占比")
    yield Plot(bars(title, *axes, edges, heights, (mean, Text("mean", "平均"))), title + told)
