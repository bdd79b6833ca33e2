"""The numbers of a column that is cut into buckets."""

from __future__ import annotations

import numpy as np

from rec.data.field_settings import FieldColumn
from rec.hashing import mix, uniform
from rec.numeric import Array

_MOST_NUMBERS = 1 << 22
"""Of a column that is cut into buckets, the bounds are those of a sample of at most so many."""


class NumberSample:
    """A sample of numbers, which rows' numbers alone decide on; all, where they are few."""

    def __init__(self) -> None:
        self._numbers: list[Array] = [np.empty(0)]
        self._drawn: list[Array] = [np.empty(0)]
        self._held, self._share = 0, 1.0

    def add(self, numbers: Array, rows: Array) -> None:
        """Numbers, float64 [n], and those of their rows, int64 [n]; what is not finite is passed over."""
        finite = np.isfinite(numbers)
        self._take(numbers[finite], uniform(mix(rows))[finite])

    def join(self, other: NumberSample) -> None:
        """Take another's."""
        self._share = min(self._share, other._share)
        self._thin()
        self._take(np.concatenate(other._numbers), np.concatenate(other._drawn))

    def _take(self, numbers: Array, drawn: Array) -> None:
        kept = drawn < self._share
        self._numbers.append(numbers[kept])
        self._drawn.append(drawn[kept])
        self._held += int(kept.sum())
        while self._held > _MOST_NUMBERS:
            self._share /= 2
            self._thin()

    def _thin(self) -> None:
        """Keep those that are of the sample still."""
        values, places = np.concatenate(self._numbers), np.concatenate(self._drawn)
        fewer = places < self._share
        self._numbers, self._drawn, self._held = [values[fewer]], [places[fewer]], int(fewer.sum())

    def edges(self, field: FieldColumn) -> list[float]:
        """A field's own bounds, or those that cut the numbers into buckets of about equal counts."""
        if field.boundaries:
            return field.boundaries
        numbers = np.concatenate(self._numbers)
        shares = np.linspace(0, 1, int(field.buckets or 2) + 1)[1:-1]
        return sorted(set(np.quantile(numbers, shares).tolist())) if len(numbers) else []

    def buckets(self, edges: list[float]) -> dict[str, int]:
        """How many numbers each bucket holds, the fullest first; of a sample every bucket is taken to hold some."""
        places = np.searchsorted(edges, np.concatenate(self._numbers), side="right")
        found = np.bincount(places, minlength=len(edges) + 1)
        if self._share < 1:
            found = np.maximum(found, 1)
        there = {str(bucket): int(n) for bucket, n in enumerate(found) if n}
        return dict(sorted(there.items(), key=lambda item: (-item[1], item[0])))
