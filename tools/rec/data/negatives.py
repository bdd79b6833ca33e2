"""Which impressions an epoch trains on, where `data.negative_rate` keeps a share of those without a click."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from pydantic import ValidationError

from rec.config.config import Config
from rec.config.negatives import NEGATIVES
from rec.console import log
from rec.data.labels import LabelRules
from rec.data.plan import ReadPlan
from rec.data.table_settings import DataSettings, read_settings
from rec.errors import UserError
from rec.hashing import mix, uniform
from rec.numeric import Array

_SALT = 3
"""Other draws are of the same rows, seeds and epochs."""

_PIECE = 1 << 20


def negative_rate(config: Config) -> float | None:
    """`data.negative_rate`, of a table or of other data.

    Raises:
        UserError: it is wrong.
    """
    if config.describes_table:
        return read_settings(config.data).negative_rate
    given = (config.data or {}).get(NEGATIVES)
    try:
        return DataSettings(fields={}, labels={}, negative_rate=given).negative_rate
    except ValidationError as error:
        raise UserError(f"data.{NEGATIVES}: {error.errors()[0]['msg']}, got {given!r}") from None


@dataclass(frozen=True)
class Negatives:
    """The negatives among N impressions: those whose first label is 0, see `rec.config.negatives`.

    Whether one is kept is a function of seed, epoch and the row's number: the same after resume and for any number of
    reader processes.

    Attributes:
        rate: share of them that an epoch trains on, above 0 and below 1.
        negative: bool [N].
        known: bool [N], whether the first label is given; what is not known is neither, and is not trained on.
    """

    rate: float
    negative: Array
    known: Array

    @classmethod
    def of(
        cls, config: Config, part: str, rules: LabelRules, labels: Callable[[str], Iterable[Array]]
    ) -> Negatives | None:
        """Those of the training data; None where all rows are trained on.

        Args:
            labels: gives a label's values by pieces of the data in order, float [n] each, NaN where not known.

        Raises:
            UserError: the setting is wrong.
        """
        rate = negative_rate(config)
        if rate is None or part != "train" or rules.first is None:
            return None
        if rules.first not in rules.columns:
            raise UserError(f"data.{NEGATIVES}: the reader gives no label {rules.first}, which tells a negative")
        pieces = [(values == 0, ~np.isnan(values)) for values in labels(rules.first)]
        negative, known = (np.concatenate(each) for each in zip(*pieces, strict=True))
        missing, below = len(known) - int(known.sum()), int(negative.sum())
        log.info(
            "data.negative_rate: an epoch trains on %d impressions with %s and on about %.0f of %d without",
            len(known) - missing - below, rules.first, rate * below, below,
        )  # fmt: skip
        if missing:
            log.warning(
                "data.negative_rate: %d impressions with an empty %s are not trained on: nobody knows whether they are "
                "negatives", missing, rules.first,
            )  # fmt: skip
        return cls(rate, negative, known)

    def kept(self, plan: ReadPlan) -> Array:
        """Which impressions a plan's epoch trains on, bool [N]."""
        if not plan.training:
            return np.ones(len(self.negative), bool)
        kept = self.known & ~self.negative
        for first in range(0, len(kept), _PIECE):  # of many rows the digests take more room than a window
            rows = first + np.flatnonzero(self.negative[first : first + _PIECE])
            kept[rows] = uniform(mix(rows), plan.seed, plan.epoch, _SALT) < self.rate
        return kept


def counted(kept: Array | None, first: int, rows: int) -> int:
    """How many of some rows, number `first` and those behind it, are kept; None: all."""
    return rows if kept is None else int(np.count_nonzero(kept[first : first + rows]))


def with_rate(config: Config) -> Config:
    """The config, whose network is told the rate.

    Raises:
        UserError: it is wrong, or hyper_parameters say another one.
    """
    rate, told = negative_rate(config), config.hyper_parameters.get(NEGATIVES)
    if told is not None and told != rate:
        raise UserError(
            f"hyper_parameters.{NEGATIVES} is {told!r}: it follows from data.{NEGATIVES}, which is {rate!r}"
        )
    return config if rate is None else config.merged({"hyper_parameters": {NEGATIVES: rate}})
