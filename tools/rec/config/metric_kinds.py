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

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


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
        "the errors under which noise could show this one (Feldman and Cousins)",
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
        "root of the mean squared error, in the label's units", "Hall's cubic of the t statistic", of="regression"
    ),
    "xauc": Declared(
        "probability that of two impressions with different labels the larger one scores higher, a tie counting 1/2",
        "delta method over impressions of the U-statistic",
        Options,
        of="regression",
    ),
}  # fmt: skip
"""Every metric by its name."""
