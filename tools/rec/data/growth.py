"""What a vocabulary that grows from day to day remembers of its values, and how a day's rows change it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

Seen = tuple[int, int]
"""How often a value has occurred, over all days, and the last day on which it did."""


@dataclass(frozen=True)
class Growth:
    """A vocabulary's memory beside its values and their counts. A day is a training that began with new rows.

    Attributes:
        day: how many there have been.
        last: by field the day on which each known value last occurred, in the order of the values.
        waiting: by field the values that have no row: too rare so far, or beyond `max_rows`.
        changes: by field what the last day came to: `known` values after it, `new` and `freed` rows, `waiting` values.
    """

    day: int
    last: dict[str, list[int]] = field(default_factory=dict)
    waiting: dict[str, dict[str, Seen]] = field(default_factory=dict)
    changes: dict[str, dict[str, int]] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """What came and went, a line for each field."""
        return [
            f"field {name}: {one['new']:,} new rows, {one['freed']:,} freed, {one['known']:,} known values, "
            f"{one['waiting']:,} without a row"
            for name, one in self.changes.items()
        ]


@dataclass(frozen=True)
class Rules:
    """Which values have rows; the settings of `data` of the same names.

    Attributes:
        pinned: values that always have one.
    """

    admit_count: int = 1
    evict_after: int | None = None
    max_rows: int | None = None
    evict_by: Literal["recency", "frequency"] = "recency"
    pinned: Collection[str] = ()

    def rank(self, seen: Seen) -> Seen:
        """Of values, the larger stays."""
        count, last = seen
        return (last, count) if self.evict_by == "recency" else (count, last)


@dataclass(frozen=True)
class FieldValues:
    """A field's values: those with rows in the order of their rows, and those that wait for one."""

    known: dict[str, Seen]
    waiting: dict[str, Seen]

    def after(self, day: int, today: Mapping[str, int], rules: Rules) -> tuple[FieldValues, dict[str, int]]:
        """The values once a day's rows have come, and what came and went, as in `Growth.changes`.

        Values keep their order, new ones follow in the order of `today`. What was not seen for `evict_after` days is
        forgotten; what gives way to others, because there are `max_rows`, keeps its count and waits.

        Args:
            today: how often each value occurs in the day's rows.
        """
        pinned = frozenset(rules.pinned)
        known = _fresh(_counted(self.known, today, day), day, rules, pinned)
        waiting = _fresh(_counted(self.waiting, today, day), day, rules, frozenset())
        waiting |= {v: (n, day) for v, n in today.items() if v not in self.known and v not in waiting}
        enough = [v for v in today if v in waiting and (waiting[v][0] >= rules.admit_count or v in pinned)]
        named = [v for v in dict.fromkeys(rules.pinned) if v not in known and v not in today]
        together = known | {v: waiting[v] for v in enough} | {v: waiting.get(v, (0, day)) for v in named}
        kept = _largest(together, rules, pinned)
        after = {v: seen for v, seen in together.items() if v in kept}
        left = {v: seen for v, seen in {**waiting, **together}.items() if v not in after}
        new = sum(v not in self.known for v in after)
        freed = sum(v not in after for v in self.known)
        return FieldValues(after, left), {"known": len(after), "new": new, "freed": freed, "waiting": len(left)}


def _counted(values: Mapping[str, Seen], today: Mapping[str, int], day: int) -> dict[str, Seen]:
    return {v: (seen[0] + today[v], day) if v in today else seen for v, seen in values.items()}


def _fresh(values: dict[str, Seen], day: int, rules: Rules, pinned: Collection[str]) -> dict[str, Seen]:
    """Without those that were last seen too long ago."""
    if rules.evict_after is None:
        return values
    return {v: seen for v, seen in values.items() if day - seen[1] < rules.evict_after or v in pinned}


def _largest(values: Mapping[str, Seen], rules: Rules, pinned: Collection[str]) -> Collection[str]:
    """Those that have room; of equals the earlier ones."""
    if rules.max_rows is None or len(values) <= rules.max_rows:
        return values
    others = sorted((v for v in values if v not in pinned), key=lambda v: rules.rank(values[v]), reverse=True)
    return {v for v in values if v in pinned} | set(others[: max(0, rules.max_rows - (len(values) - len(others)))])
