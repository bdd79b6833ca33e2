"""When a click is taken into training, and as what: each method's ingestion, from times alone.

f = P(y = 1), and of it dp = P(y = 1, the conversion comes after the wait), ip = f - dp. What a click adds to the stream
in expectation, positives : negatives, stands at each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from rec.numeric import Array
from rec.stream.events import Events
from rec.stream.log import NEVER, AsOf, Log


class Ingestion(Protocol):
    """How rows come into being; `reach` is how long before `since` a click may be that still adds some."""

    def __call__(self, seen: AsOf, since: int, wait: int) -> Events:
        """The rows that are taken in from `since` on until `seen.now`, of what is known then, in their order."""

    def reach(self, window: int, wait: int) -> int:
        """Of the clicks before `since`, those that are no older than this may add rows."""


@dataclass(frozen=True)
class Copies:
    """Each click once, and perhaps once more.

    Attributes:
        at_once: the first copy comes at the click, as a negative whatever follows; else at click + wait, with what has
            come by then.
        later: which clicks come again, at their conversion: none (vanilla, ip : 1 - f + dp), those that were negatives
            (`late`, f : 1 - f + dp; with at_once f : 1), or all, those without conversion when the window closes
            (DEFER, ip + f : 2 (1 - f) + dp).
    """

    at_once: bool
    later: Literal["none", "late", "all"]

    def __call__(self, seen: AsOf, since: int, wait: int) -> Events:
        nobody = np.zeros(len(seen.rows), bool)
        known = nobody if self.at_once else seen.delay <= wait
        parts = [_events(seen, since, known, seen.click if self.at_once else seen.click + wait, again=False)]
        bought = seen.conversion != NEVER
        if self.later == "late":
            parts.append(_events(seen, since, bought, seen.conversion, again=True, only=bought & ~known))
        if self.later == "all":
            time = np.where(bought, seen.conversion, seen.click + seen.window)
            parts.append(_events(seen, since, bought, time, again=True))
        return Events.in_order(parts)

    def reach(self, window: int, wait: int) -> int:
        return max(window, wait) if self.later != "none" else wait


@dataclass(frozen=True)
class Snapshot:
    """All clicks of the last window, each with what is known of it now and how long ago it was (DFM, FSIW, ULC)."""

    def __call__(self, seen: AsOf, since: int, wait: int) -> Events:
        bought = seen.conversion != NEVER
        # Nothing comes after the window: what is older than that is as old as that.
        time = np.minimum(seen.now, seen.click + seen.window)
        return Events.of(seen.rows, seen.click, seen.conversion, bought, time, again=False)

    def reach(self, window: int, wait: int) -> int:
        return window


def oracle(log: Log, since: int, until: int) -> Events:
    """Each click in [since, until) at once with its final label, f : 1 - f: what no log tells in time."""
    rows = log.clicked(since, until)
    click, conversion = log.click[rows], log.conversion[rows]
    return Events.of(rows, click, conversion, conversion != NEVER, click, again=False)


def _events(seen: AsOf, since: int, label: Array, time: Array, again: bool, only: Array | None = None) -> Events:
    """Those of the rows whose time is in [since, now)."""
    due = (since <= time) & (time < seen.now)
    at = np.flatnonzero(due if only is None else due & only)
    return Events.of(seen.rows[at], seen.click[at], seen.conversion[at], label[at], time[at], again)
