"""The references that `--help TOPIC` prints, and the one that `--help` ends with."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from pydantic import BaseModel

from rec.config import behaviours, compare, stream
from rec.config.settings import RunnerSettings
from rec.data import common_settings, field_settings, split_settings, table_settings
from rec.help.entries import heading, of_model

TOPICS = ("data", "hyper_parameters", "behaviours", "compare", "stream")
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
    "stream": _stream,
}
