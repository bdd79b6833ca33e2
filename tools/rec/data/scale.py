"""Numbers as a network reads them: of a scale near 1, and something in the place of an empty one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rec.data.field_settings import FieldColumn
from rec.numeric import Array


@dataclass
class Moments:
    """Mean, sum of squared deviations and range of numbers that come some at a time (Chan et al., 1983)."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    low: float = np.inf
    high: float = -np.inf

    def add(self, numbers: Array, times: Array | None = None) -> None:
        """Take some more, float64 [n]; what is not finite is passed over. `times`: how often each, int64 [n]."""
        finite = np.isfinite(numbers)
        times = None if times is None else times[finite]
        numbers = numbers[finite]
        more = len(numbers) if times is None else int(times.sum())
        if more:
            mean = float(np.average(numbers, weights=times))
            squares = (numbers - mean) ** 2
            total = float((squares if times is None else squares * times).sum())
            self.join(Moments(more, mean, total, float(numbers.min()), float(numbers.max())))

    def join(self, other: Moments) -> None:
        """Take those of other numbers; in the same order the same ones give the same bits."""
        count = self.count + other.count
        if not self.count or not other.count:
            self.__dict__.update((self if self.count else other).__dict__)
            return
        apart = other.mean - self.mean
        self.squares += other.squares + apart**2 * self.count * other.count / count
        self.mean += apart * other.count / count
        self.count, self.low, self.high = count, min(self.low, other.low), max(self.high, other.high)


def before_scaling(numbers: Array, field: FieldColumn) -> Array:
    """log(1 + x) where that is asked for; of what is below -1 NaN."""
    if field.numeric != "log1p":
        return numbers
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.log1p(numbers)


def scale_of(moments: Moments, field: FieldColumn) -> list[float]:
    """What is subtracted, what it is then divided by, and what stands for an empty number."""
    if not moments.count:
        return [0.0, 1.0, 0.0]
    if field.numeric == "minmax":
        shift, width = moments.low, moments.high - moments.low
    elif field.numeric == "none":
        shift, width = 0.0, 1.0
    else:
        shift, width = moments.mean, (moments.squares / moments.count) ** 0.5
    width = width or 1.0  # of a column that is always the same
    if isinstance(field.missing, str):
        return [shift, width, (moments.mean - shift) / width]
    filled = float(before_scaling(np.array([float(field.missing)]), field)[0])
    return [shift, width, (filled - shift) / width]


def scaled(numbers: Array, field: FieldColumn, scale: list[float]) -> list[Array]:
    """The columns of a field, float32 [R] each: the number, and with an indicator whether it is missing.

    So is one that is not finite, such as log(1 + x) of -1, which some logs write for a missing number.
    """
    shift, width, filled = scale
    values = (before_scaling(numbers, field) - shift) / width
    missing = ~np.isfinite(values)
    values[missing] = filled
    columns = [values.astype(np.float32)]
    return [*columns, missing.astype(np.float32)] if field.missing == "indicator" else columns
