"""What `runner.metrics` asks for as tables on stdout."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from rec.metrics.estimate import Estimate, Estimates
from rec.report.table import print_table

_SHOWN = 20
"""Values of a segment in its table."""

_COLUMNS = 5
"""Metrics there: the first ones."""


def print_metrics(found: Mapping[str, Estimates]) -> None:
    """One row per checkpoint, task and metric, with its interval and what it rests on; nothing where there are none."""
    table = Table(title="Metrics (95 % intervals)")
    for name in ("checkpoint", "task", "metric"):
        table.add_column(name, overflow="fold")
    for name in ("value", "95 % interval", "impressions", "groups"):
        table.add_column(name, justify="right")
    for checkpoint, tasks in found.items():
        for task, metrics in tasks.items():
            for name, each in metrics.items():
                table.add_row(checkpoint, task, name, *_cells(each))
        table.add_section()
    print_table(table, table.row_count)


def print_segments(found: Mapping[str, Mapping[str, Mapping[str, Estimates]]]) -> None:
    """A table for each segment of the last checkpoint: one row per value and task; nothing where there are none."""
    for checkpoint, segments in list(found.items())[-1:]:
        for segment, values in segments.items():
            _print_segment(f"{checkpoint}, by {segment} (all metrics and intervals: metrics.json)", values)


def _print_segment(title: str, values: Mapping[str, Estimates]) -> None:
    names = list(dict.fromkeys(name for tasks in values.values() for own in tasks.values() for name in own))[:_COLUMNS]
    rows = {
        value: max((e.n for own in tasks.values() for e in own.values()), default=0) for value, tasks in values.items()
    }
    shown = sorted(rows, key=lambda value: -rows[value])[:_SHOWN]
    table = Table(title=title)
    if len(shown) < len(values):
        table.caption = f"the {_SHOWN} values with the most impressions, of {len(values)}"
    for name in ("value", "task", "impressions", *names):
        table.add_column(name, justify="left" if name in ("value", "task") else "right", overflow="fold")
    for value, tasks in values.items():
        for task, metrics in tasks.items() if value in shown else ():
            n = next((f"{each.n:,}" for each in metrics.values()), "")
            table.add_row(value, task, n, *(_number(metrics[name].value) if name in metrics else "" for name in names))
    print_table(table, table.row_count)


def _cells(each: Estimate) -> tuple[str, str, str, str]:
    interval = "-"
    if each.low is not None and each.high is not None:
        interval = f"{each.low:.4f} - {each.high:.4f}"
    groups = f"{each.more['groups']:,} of {each.more['groups_total']:,}" if "groups" in each.more else ""
    return _number(each.value), interval, f"{each.n:,}", groups


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
