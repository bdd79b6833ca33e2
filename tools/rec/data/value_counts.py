"""How often a table's values occur, and which of them are often enough."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rec.numeric import Array

_MERGE_AT = 1 << 21


class ValueCounts:
    """How often each text occurs."""

    def __init__(self) -> None:
        self._counted: list[pa.Table] = []
        self._waiting = 0

    def add(self, texts: pa.ChunkedArray) -> None:
        """Count some."""
        counts = pc.value_counts(texts)
        values = counts.field("values").cast(pa.large_string())
        self._take(pa.table({"value": values, "count": counts.field("counts")}))

    def join(self, other: ValueCounts) -> None:
        """Take what another has counted."""
        for counted in other._counted:
            self._take(counted)

    def _take(self, counted: pa.Table) -> None:
        self._counted.append(counted)
        self._waiting += len(counted)
        if self._waiting > _MERGE_AT + 2 * len(self._counted[0]):
            self._merge()

    def _merge(self) -> None:
        together = pa.concat_tables(self._counted).group_by("value").aggregate([("count", "sum")])
        self._counted, self._waiting = [together.rename_columns(["value", "count"]).select(["value", "count"])], 0

    def most_common(self, *others: ValueCounts) -> dict[str, int]:
        """By text, the commonest first, and texts that are as common in their order; `others` count along."""
        counted = [table for counts in (self, *others) for table in counts._counted]
        if not counted:
            return {}
        together = pa.concat_tables(counted).group_by("value").aggregate([("count", "sum")])
        order = pc.sort_indices(together, [("count_sum", "descending"), ("value", "ascending")])
        together = together.take(order)
        return dict(zip(together["value"].to_pylist(), together["count_sum"].to_pylist(), strict=True))


class FieldCounts:
    """The values of a field and of the fields that share its ids.

    What is rare, and how rare, the impressions decide: a history of clicked items holds those alone that were clicked,
    so that by occurrences in it a rare item would be known if it was clicked, and the unknown one if it was not. The
    unknown id would tell the label in training, and mean something else where items are new.
    """

    def __init__(self, names: list[str]) -> None:
        self._each = {name: ValueCounts() for name in names}
        self._several: set[str] = set()

    def add(self, name: str, starts: Array, texts: pa.ChunkedArray) -> None:
        """Count one of the fields in some rows, whose values begin at `starts`, int64 [R + 1]."""
        self._each[name].add(texts)
        if (np.diff(starts) > 1).any():
            self._several.add(name)

    def join(self, other: FieldCounts) -> None:
        """Take what another has counted of the same fields."""
        for name, counts in self._each.items():
            counts.join(other._each[name])
        self._several |= other._several

    def most_common(self) -> dict[str, int]:
        """By text how often it counts, in the order of how often all fields have it.

        Where fields share ids, the first of them that has single values counts; what it never has counts as often as
        the others have it.
        """
        together = next(iter(self._each.values())).most_common(*list(self._each.values())[1:])
        single = next((name for name in self._each if name not in self._several), None)
        if len(self._each) == 1 or single is None:
            return together
        own = self._each[single].most_common()
        return {text: own.get(text, count) for text, count in together.items()}
