"""Values of all fields of a vocabulary, as they grow by a day's rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from rec.data.growth import FieldValues, Growth, Rules
from rec.data.table_settings import DataSettings
from rec.data.vocabulary import Vocabulary


class Grower:
    """Grows fields one by one.

    Args:
        before: the vocabulary of the days before; None: this is the first. One that nothing was remembered of yet has
            had one day, on which all of its values occurred.
        settings: of the table.
    """

    def __init__(self, before: Vocabulary | None, settings: DataSettings) -> None:
        self._before, self._settings = before, settings
        self._growth = before.growth if before and before.growth else Growth(1 if before else 0)
        self.day = self._growth.day + 1
        self._after = Growth(self.day)

    def field(self, name: str, today: Mapping[str, int], pinned: Collection[str]) -> dict[str, int]:
        """A field's known values in the order of their ids, and how often each has occurred.

        Args:
            today: how often each value occurs in the day's rows, the commonest first.
            pinned: values that are known whether or not they occur.
        """
        values, changes = self._values(name).after(self.day, today, self._rules(name, pinned))
        self._after.last[name] = [last for _, last in values.known.values()]
        self._after.waiting[name] = values.waiting
        self._after.changes[name] = changes
        return {value: count for value, (count, _) in values.known.items()}

    def growth(self) -> Growth:
        """What is remembered of all fields that have grown."""
        return self._after

    def _values(self, name: str) -> FieldValues:
        known = (self._before.values[name] if self._before else None) or []
        counts = (self._before.counts.get(name) if self._before else None) or [0] * len(known)
        last = self._growth.last.get(name) or [self._growth.day] * len(known)
        seen = zip(counts, last, strict=True)
        return FieldValues(dict(zip(known, seen, strict=True)), self._growth.waiting.get(name, {}))

    def _rules(self, name: str, pinned: Collection[str]) -> Rules:
        """Those of a field: the few buckets of a number stay."""
        own = self._settings
        if own.ids[name].cuts:
            return Rules(own.admit_count)
        return Rules(own.admit_count, own.evict_after, own.max_rows, own.evict_by, pinned)
