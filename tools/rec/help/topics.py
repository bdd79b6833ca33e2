"""The references that `--help TOPIC` prints, and the one that `--help` ends with."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from types import ModuleType

from pydantic import BaseModel

from rec.config import behaviours, compare, metric_kinds, stream, tune
from rec.config.metric_kinds import METRICS
from rec.config.settings import RunnerSettings
from rec.data import common_settings, field_settings, split_settings, table_settings
from rec.help.entries import heading, of_model

TOPICS = ("data", "hyper_parameters", "behaviours", "compare", "tune", "stream", "metrics")
"""Sections of a config with a reference of their own. `hyper_parameters` is in `rec.help.hyper_parameters`."""


def runner() -> str:
    """Every runner setting, and which other references there are."""
    lines = ["runner settings (in the config file under runner:, or -o runner.NAME=VALUE):", *of_model(RunnerSettings)]
    lines += ["", f"other sections of a config: --help TOPIC, of {', '.join(TOPICS)}"]
    return "\n".join(lines)


def topic(name: str) -> str:
    """The reference of a section whose settings are declared without Paddle."""
    return _PAGES[name]()


def _data() -> str:
    return _page(
        table_settings,
        ("data:", table_settings.DataSettings),
        ("each of data.fields, null or a section:", field_settings.FieldColumn),
        ("its statistic:", field_settings.Statistic),
        ("data.common:", common_settings.Common),
        ("data.test and data.valid:", split_settings.Split),
    )


def _behaviours() -> str:
    return _page(behaviours, ("each of hyper_parameters.behaviours, null or a section:", behaviours.Behaviour))


def _compare() -> str:
    return _page(
        compare,
        ("compare:", compare.Compare),
        ("each of compare.systems:", compare.System),
        ("its published:", compare.Published),
    )


def _tune() -> str:
    return _page(tune, ("tune:", tune.Tune), ("each of tune.ranges:", tune.Range), ("tune.budget:", tune.Budget))


def _metrics() -> str:
    lines, of_kind = [(metric_kinds.__doc__ or "").strip(), ""], dict[type[BaseModel], list[str]]()
    for kind, declared in METRICS.items():
        name = f"{kind}@K" if declared.at else kind
        text = f"{name}: {declared.meaning} (interval: {declared.interval})"
        lines += textwrap.wrap(text, 110, subsequent_indent="    ")
        of_kind.setdefault(declared.options, []).append(name)
    for options, names in of_kind.items():
        lines += ["", *heading(f"options of {', '.join(names)}:", options), *of_model(options)]
    return "\n".join(lines)


def _stream() -> str:
    return _page(stream, ("stream:", stream.StreamSettings))


def _page(module: ModuleType, *sections: tuple[str, type[BaseModel]]) -> str:
    lines = [(module.__doc__ or "").strip()]
    for title, model in sections:
        lines += ["", *heading(title, model), *of_model(model)]
    return "\n".join(lines)


_PAGES: dict[str, Callable[[], str]] = {
    "data": _data,
    "behaviours": _behaviours,
    "compare": _compare,
    "tune": _tune,
    "metrics": _metrics,
    "stream": _stream,
}
