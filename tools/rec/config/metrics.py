"""Which metrics a config asks for, and by what they are told apart: `runner.metrics` and `runner.segments`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from rec.config.metric_kinds import METRICS, Declared, GroupOptions, Options, RequestOptions, RowOptions
from rec.config.settings import RunnerSettings
from rec.config.suggest import did_you_mean

IS_NEW = "is_new_"
"""Begins the name of a segment that tells the values of a field that training has not seen."""

_AT = re.compile(r"(?P<kind>[^@]+)(?:@(?P<at>[1-9][0-9]*))?")
_QUANTILE = re.compile(r"quantile\(\s*(?P<column>.+?)\s*(?:,\s*(?P<parts>[0-9]+)\s*)?\)")
_PARTS = 4


@dataclass(frozen=True)
class Column:
    """A column that metrics need of each impression.

    Attributes:
        name: as the config has it.
        kind: what it is needed for: which rows go together, what its value is called, or its number.
    """

    name: str
    kind: Literal["group", "value", "number"]

    @property
    def key(self) -> str:
        """What it is called among others."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Metric:
    """A metric that a config asks for.

    Attributes:
        kind: the name in `METRICS`.
        name: in results.
        at: k; 0: all.
        options: what is said of it.
    """

    kind: str
    name: str
    at: int
    options: Options

    @property
    def of(self) -> str:
        """The kind of tasks that it judges."""
        return METRICS[self.kind].of

    @property
    def ranks(self) -> bool:
        """Whether models can be ranked by it."""
        return METRICS[self.kind].ranks

    @property
    def weight(self) -> Column | None:
        """Of its impressions' weights."""
        name = self.options.weight if isinstance(self.options, RowOptions) else None
        return Column(name, "number") if name else None

    @property
    def by(self) -> Column | None:
        """Of its groups."""
        grouped = isinstance(self.options, GroupOptions | RequestOptions)
        return Column(self.options.by, "group") if grouped else None  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Segment:
    """What impressions are told apart by.

    Attributes:
        name: as the config has it.
        column: a column, each of whose values is a segment; or of numbers, cut in `parts`.
        parts: 0: by value.
    """

    name: str
    column: Column
    parts: int = 0


@dataclass(frozen=True)
class Asked:
    """All that a config asks for; `problems`: what is wrong with it, a line each."""

    metrics: tuple[Metric, ...]
    segments: tuple[Segment, ...]
    problems: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[Column, ...]:
        """What is needed of each impression, besides its predictions and labels."""
        of_metrics = [column for metric in self.metrics for column in (metric.by, metric.weight) if column]
        return tuple(dict.fromkeys([*of_metrics, *(segment.column for segment in self.segments)]))

    def judging(self, kind: str) -> list[Metric]:
        """The metrics for tasks of a kind."""
        return [metric for metric in self.metrics if metric.of == kind]


def parse(runner: RunnerSettings) -> Asked:
    """What the settings ask for."""
    found, problems, segments = [], [], runner.segments
    for given in runner.metrics:
        try:
            found.append(_metric(given))
        except ValueError as error:
            problems.append(f"runner.metrics: {error}")
    problems += [f"runner.metrics: {name} is named twice: give one a name of its own" for name in _twice(found)]
    cut = [_segment(text) for text in segments]
    problems += [f"runner.segments: {name} is named twice" for name in _twice(cut)]
    problems += [
        f"runner.segments: {s.name} has {s.parts} parts; expected 2 or more"
        for s in cut
        if s.column.kind == "number" and s.parts < 2
    ]
    if segments and not runner.metrics:
        problems.append("runner.segments needs runner.metrics, which says what is measured by them")
    return Asked(tuple(found), tuple(cut), tuple(problems))


def _metric(given: Any) -> Metric:
    text, section = (given, None) if isinstance(given, str) else next(iter(given.items()), ("", None))
    if not isinstance(given, str) and len(given) != 1:
        raise ValueError(f"expected a name, or one name with its options such as {{gauc: {{by: user}}}}, got {given!r}")
    matched = _AT.fullmatch(text)
    kind = matched["kind"] if matched else text
    if kind not in METRICS or matched is None:
        raise ValueError(f"{text!r} is no metric{did_you_mean(kind, METRICS)}; --help metrics lists them")
    declared, at = METRICS[kind], int(matched["at"] or 0)
    if declared.at and not at:
        raise ValueError(f"{kind} needs a k, such as {kind}@10")
    if at and not declared.at:
        raise ValueError(f"{text}: {kind} looks at all, not at the first {at}: write {kind}")
    try:
        options = declared.options(**(section or {}))
    except ValidationError as error:
        raise ValueError("; ".join(_in_words(text, declared, problem) for problem in error.errors())) from None
    except TypeError:
        raise ValueError(f"{text} should have a mapping of options, got {section!r}") from None
    if options.name and not re.fullmatch(rf"{re.escape(text)}\w*", options.name):
        raise ValueError(f"{text}.name should be {text} and letters, digits or _ behind it, got {options.name!r}")
    return Metric(kind, options.name or text, at, options)


def _in_words(text: str, declared: Declared, problem: Any) -> str:
    place = ".".join([text, *map(str, problem["loc"])])
    if problem["type"] == "extra_forbidden":
        known = list(declared.options.model_fields)
        return f"{place} is no option{did_you_mean(str(problem['loc'][0]), known)}; {text} has {', '.join(known)}"
    return f"{place}: {problem['msg']}, got {problem['input']!r}"


def _segment(text: str) -> Segment:
    matched = _QUANTILE.fullmatch(text)
    if matched is None:
        return Segment(text, Column(text, "value"))
    return Segment(text, Column(matched["column"], "number"), int(matched["parts"] or _PARTS))


def _twice(named: Sequence[Metric | Segment]) -> Iterator[str]:
    names = [each.name for each in named]
    yield from dict.fromkeys(name for name in names if names.count(name) > 1)
