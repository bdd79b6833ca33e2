"""Clicks and when their conversions came, and what of that is known at a time.

Everything that is trained on is made of `AsOf`, which holds no click and no conversion of its `now` or after: what is
not there cannot leak. `Log.final` alone knows the future, for the oracle and for tests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rec.numeric import Array

NEVER = int(np.iinfo(np.int64).max)
"""The time of what does not happen."""

HOUR = 3_600_000_000
DAY = 24 * HOUR
"""Microseconds, as all times are."""


@dataclass(frozen=True)
class Log:
    """n clicks in the order of time.

    Attributes:
        click: int64 [n], when each came, ascending.
        conversion: int64 [n], when its conversion came; NEVER: not within the window.
        window: the attribution window: a conversion comes so much after its click at most.
    """

    click: Array
    conversion: Array
    window: int

    @classmethod
    def of(cls, click: Array, conversion: Array, window: int) -> tuple[Log, Array]:
        """A log of times in any order, int64 [n] each, and the order that it puts them in, int64 [n]."""
        order = np.argsort(click, kind="stable")
        click, conversion = click[order], conversion[order]
        late = (conversion != NEVER) & (conversion - click > window)
        return cls(click, np.where(late, NEVER, conversion), window), order

    def __len__(self) -> int:
        return len(self.click)

    @property
    def last(self) -> int:
        """When the last thing happened that the log tells."""
        known = self.conversion[self.conversion != NEVER]
        return int(max(self.click[-1], known.max(initial=self.click[-1])))

    def final(self, rows: Array) -> Array:
        """The labels of clicks when all is known, float32 [k]: of the future, unless their windows have closed."""
        return (self.conversion[rows] != NEVER).astype(np.float32)

    def clicked(self, since: int, until: int) -> Array:
        """The numbers of the clicks in [since, until), int64."""
        first, last = np.searchsorted(self.click, [since, until])
        return np.arange(first, last)

    def as_of(self, now: int, since: int) -> AsOf:
        """What is known just before `now` of the clicks from `since` on."""
        rows = self.clicked(since, now)
        conversion = self.conversion[rows]
        return AsOf(now, rows, self.click[rows], np.where(conversion < now, conversion, NEVER), self.window)


@dataclass(frozen=True)
class AsOf:
    """What is known of m clicks just before `now`.

    Attributes:
        rows: int64 [m], their numbers in the log.
        click: int64 [m], all before `now`.
        conversion: int64 [m], before `now`, or NEVER.
        window: the attribution window.
    """

    now: int
    rows: Array
    click: Array
    conversion: Array
    window: int

    @property
    def delay(self) -> Array:
        """Between click and conversion, int64 [m]; NEVER where none has come yet."""
        return np.where(self.conversion == NEVER, NEVER, self.conversion - self.click)

    def closed(self) -> AsOf:
        """Those of the clicks whose windows have closed, so that their labels are final."""
        over = self.click + self.window < self.now
        return AsOf(self.now, self.rows[over], self.click[over], self.conversion[over], self.window)
