"""Which columns a report needs of each test row, beside predictions and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rec.calibration.calibration import ids_of
from rec.config.config import Config
from rec.config.metrics import IS_NEW, Asked, Column, Segment, parse
from rec.data.batch import Batch
from rec.data.table_settings import read_settings
from rec.data.vocabulary import Vocabulary
from rec.evidence.options import ITEMS, USERS, Options

_METRICS = ("auc", "logloss", "normalized_entropy", "calibration", "ece", "mae", "rmse", "xauc")
_FEW, _SEGMENTS = range(2, 13), 3


@dataclass(frozen=True)
class Columns:
    """What is asked of the reader.

    Attributes:
        metrics, segments: as `runner.metrics` and `runner.segments` take them.
        item: the field of items; None: there is none.
        user: that of users.
        is_new: the column that says whether training has seen an item; None: ids do not tell.
    """

    metrics: Sequence[str | dict[str, Any]]
    segments: Sequence[str]
    item: str | None = None
    user: str | None = None
    is_new: str | None = None

    def applied(self, config: Config) -> Config:
        """A config whose reader gives them."""
        more = [name for name in (self.item, self.is_new) if name and name not in self.segments]
        return config.merged({"runner": {"metrics": list(self.metrics), "segments": [*self.segments, *more]}})

    def asked(self, config: Config) -> Asked:
        """What is judged: items are no segments."""
        found = parse(self.applied(config).runner)
        return Asked(found.metrics, tuple(each for each in found.segments if each.name in self.segments))


def wanted(config: Config, vocabulary: Vocabulary | None, options: Options) -> Columns:
    """What can be had of the data, by the fields' names.

    Args:
        config: with the fields' names in `hyper_parameters.fields`.
        vocabulary: of a table; None of data that are ids.
    """
    fields = single_fields(config)
    item = options.item or next((name for name in ITEMS if name in fields), None)
    user = options.user or next((name for name in USERS if name in fields), None)
    segments = list(options.segments or config.runner.segments)
    if not segments and vocabulary is not None:
        of_few = [
            name for name in fields if vocabulary.known(name) and vocabulary.size(vocabulary.own(name)) - 1 in _FEW
        ]
        segments = of_few[:_SEGMENTS]
        segments += [IS_NEW + name for name in (user, item) if name in fields and vocabulary.known(str(name))]
    known = vocabulary is not None and item in fields and vocabulary.known(str(item)) is not None
    return Columns(_metrics(config, user), segments, item, user, f"{IS_NEW}{item}" if known else None)


def bare(config: Config) -> Columns:
    """What can be had of any data."""
    return Columns(_metrics(config, None), config.runner.segments)


def _metrics(config: Config, user: str | None) -> list[str | dict[str, Any]]:
    given: list[str | dict[str, Any]] = list(config.runner.metrics)
    names = {each if isinstance(each, str) else next(iter(each)) for each in given}
    given += [name for name in _METRICS if name not in names]
    return given if user is None or "gauc" in names else [*given, {"gauc": {"by": user}}]


def single_fields(config: Config) -> list[str]:
    """The fields that have one value in a row, as far as a config tells."""
    fields = [str(name) for name in config.hyper_parameters.get("fields") or ()]
    if not config.describes_table:
        return fields
    ids = read_settings(config.data).ids
    return [name for name, field in ids.items() if not field.cross and not field.separator and not field.sequence]


def few_values(batch: Batch, but: Sequence[str | None]) -> list[Segment]:
    """Fields of ids that have few values in a batch, one in a row: segments where nothing else tells of any."""
    found = []
    for name in dict.fromkeys(name for bags in batch.bags for name in bags.fields if name not in but):
        if not _has_one(batch, name):
            continue
        if len(np.unique(ids_of(batch, name))) in _FEW:
            found.append(Segment(name, Column(name, "value")))
    return found[:_SEGMENTS]


def _has_one(batch: Batch, name: str) -> bool:
    """Whether a field has one value in each row, or none."""
    bags = next(bags.as_fields() for bags in batch.bags if name in bags.fields)
    lengths = np.diff(bags.offsets).reshape(-1, bags.num_field)[:, bags.fields.index(name)]
    return bool((lengths <= 1).all())


def texts(found: Mapping[str, Any], name: str) -> Any:
    """Of `rec.data.by.by_of`, a column of values."""
    return found[Column(name, "value").key]
