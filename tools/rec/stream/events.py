"""Rows of a stream: clicks, some of them several times, each with what was known when it was taken in; and impressions
that were not clicked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from rec.numeric import Array
from rec.stream.log import DAY


@dataclass(frozen=True)
class Events:
    """m rows of a stream.

    Attributes:
        rows: int64 [m], the click that each is of, by its number in the log; impressions without one come after these.
        label: float32 [m], whether a conversion was known of.
        time: int64 [m], when the row was taken in.
        again: float32 [m], 1 where its click was taken in before.
        elapsed: float32 [m], days from the click to `time`.
        delay: float32 [m], days from the click to the conversion; 0 where none was known of.
        clicked: float32 [m], 0 where there was none.
    """

    rows: Array
    label: Array
    time: Array
    again: Array
    elapsed: Array
    delay: Array
    clicked: Array

    @classmethod
    def of(cls, rows: Array, click: Array, conversion: Array, label: Array, time: Array, again: bool) -> Events:
        """Rows of clicks, int64 [m] and bool [m]; `conversion` is looked at where the label is 1."""
        return cls(
            rows,
            label.astype(np.float32),
            time,
            np.full(len(rows), again, np.float32),
            _days(time - click),
            _days(np.where(label, conversion, click) - click),
            np.ones(len(rows), np.float32),
        )

    @classmethod
    def unclicked(cls, rows: Array, time: Array) -> Events:
        """Impressions that nobody clicked, int64 [m] and when they were shown."""
        nothing = np.zeros(len(rows), np.float32)
        return cls(rows, nothing, time, nothing, nothing, nothing, nothing)

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, which: Array) -> Events:
        """Some of them: int64 [k] in that order, or bool [m]."""
        return Events(*(getattr(self, each.name)[which] for each in fields(self)))

    @staticmethod
    def in_order(parts: Sequence[Events]) -> Events:
        """All of them in the order of time, those of one time in that of their clicks."""
        joined = Events(*(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(Events)))
        return joined.take(np.lexsort((joined.again, joined.rows, joined.time)))


def _days(time: Array) -> Array:
    return (time / DAY).astype(np.float32)
