"""Metrics as a config names them, and by what they are told apart: `runner.metrics` and `runner.segments`.

runner:
  metrics: [auc, logloss, calibration, {ece: {bins: 10}}, {gauc: {by: user}}, ndcg@10, mrr, hit_rate@10]
  segments: [category, hour, is_new_user, quantile(price)]

A metric is a name, or a name with options. Each that fits a task's kind is computed for it, over the impressions whose
label is known (for CVR, the clicked ones), with a 95 % interval; `gauc` of the task ctr is `gauc_ctr` in log lines,
state.json, runner.best_metric and runner.early_stop. Names of columns are those of a table's columns, labels or fields,
or of the fields of lines of text and of prepared Ali-CCP.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rec.config.suggest import did_you_mean

IS_NEW = "is_new_"
"""Begins the name of a segment that tells the values of a field that training has not seen."""

_AT = re.compile(r"(?P<kind>[^@]+)(?:@(?P<at>[1-9][0-9]*))?")
_QUANTILE = re.compile(r"quantile\(\s*(?P<column>.+?)\s*(?:,\s*(?P<parts>[0-9]+)\s*)?\)")
_PARTS = 4


class Options(BaseModel):
    """What every metric may say."""

    model_config = ConfigDict(strict=True, extra="forbid")

    name: str | None = Field(
        None, description="its name in results, which begins with the metric's, such as gauc_item; null: the metric's"
    )


class RowOptions(Options):
    """A metric of impressions."""

    weight: str | None = Field(None, description="column of the impressions' weights, numbers of at least 0")


class ReliabilityOptions(RowOptions):
    """A metric of impressions in bins of their prediction."""

    bins: int = Field(20, gt=0, le=1000, description="how many bins there are")
    strategy: Literal["quantile", "uniform"] = Field(
        "quantile", description="bins with as many impressions each, or of the same width between 0 and 1"
    )


class GroupOptions(RowOptions):
    """A metric within groups of impressions."""

    by: str = Field("user_id", description="column whose values are the groups; impressions without one do not count")


class RequestOptions(Options):
    """A metric of the order within a request."""

    by: str = Field("request_id", description="column whose values are the requests; an empty one is none")


@dataclass(frozen=True)
class Declared:
    """A metric that there is.

    Attributes:
        meaning: what it is.
        interval: where its 95 % interval comes from.
        options: what may be said of it.
        of: whether it judges probabilities of labels that are 0 or 1, or predicted numbers.
        at: whether it looks at the first k, as in ndcg@10.
        ranks: whether a model is better the higher (or, of an error, lower) it is.
    """

    meaning: str
    interval: str
    options: type[Options] = RowOptions
    of: Literal["binary", "regression"] = "binary"
    at: bool = False
    ranks: bool = True


_DELTA = "delta method over impressions"
_BOOTSTRAP = "bootstrap over"

METRICS: Mapping[str, Declared] = {
    "auc": Declared("probability that a random positive scores above a random negative, a tie counting 1/2", "DeLong"),
    "logloss": Declared("mean negative log likelihood, in nats", _DELTA),
    "normalized_entropy": Declared("logloss over the entropy of the observed rate: 1 is no better than it", _DELTA),
    "calibration": Declared(
        "sum of predictions over number of positives: 1 is right", _DELTA + ", of the logarithm", ranks=False
    ),
    "ece": Declared(
        "expected calibration error: mean distance of predicted and observed rate over bins, with the bins as "
        "reliability curve (Wilson intervals) and the noise that a calibrated model would show",
        "inversion of the folded normal distribution of the bins' distances",
        ReliabilityOptions,
    ),
    "gauc": Declared(
        "mean of the AUCs within groups that have both classes, weighted by their impressions; says how many count",
        _BOOTSTRAP + " groups",
        GroupOptions,
    ),
    "ndcg": Declared(
        "mean normalised discounted cumulative gain of the first k over requests with a positive, tied scores sharing "
        "their ranks",
        _BOOTSTRAP + " requests",
        RequestOptions,
        at=True,
    ),
    "mrr": Declared(
        "mean reciprocal rank of the first positive over requests with one, ties in random order",
        _BOOTSTRAP + " requests",
        RequestOptions,
    ),
    "hit_rate": Declared(
        "share of requests with a positive that have one among the first k, ties in random order",
        "Wilson over requests",
        RequestOptions,
        at=True,
    ),
    "mae": Declared("mean absolute error, in the label's units", _DELTA, of="regression"),
    "rmse": Declared(
        "root of the mean squared error, in the label's units", _DELTA + ", of the logarithm", of="regression"
    ),
    "xauc": Declared(
        "probability that of two impressions with different labels the larger one scores higher, a tie counting 1/2",
        "delta method over impressions of the U-statistic",
        Options,
        of="regression",
    ),
}  # fmt: skip
"""Every metric by its name."""


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


def parse(metrics: Sequence[Any], segments: Sequence[str]) -> Asked:
    """What the settings ask for."""
    found, problems = [], []
    for given in metrics:
        try:
            found.append(_metric(given))
        except ValueError as error:
            problems.append(f"runner.metrics: {error}")
    problems += [f"runner.metrics: {name} is named twice: give one a name of its own" for name in _twice(found)]
    cut = [_segment(text) for text in segments]
    problems += [f"runner.segments: {name} is named twice" for name in _twice(cut)]
    problems += [f"runner.segments: {s.name} has one part; expected 2 or more" for s in cut if s.parts == 1]
    if segments and not metrics:
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
