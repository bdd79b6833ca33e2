"""What settings of a growing vocabulary may not say together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rec.data.table_settings import DataSettings

GROWING = ("grow_vocabulary", "admit_count", "evict_after", "max_rows", "evict_by")
"""The settings of a growing vocabulary."""


def growth_contradictions(settings: DataSettings) -> Iterator[str]:
    """What means nothing beside the rest, a line each."""
    if not settings.grow_vocabulary:
        for name in (name for name in GROWING if name in settings.model_fields_set and name != "grow_vocabulary"):
            yield f"data.{name} means nothing without data.grow_vocabulary: true"
        return
    least = [f"data.fields.{name}.min_count" for name, field in settings.columns_of.items() if field.min_count]
    for name in (["data.min_count"] if settings.min_count > 1 else []) + least:
        yield f"{name} counts the rows of one training, data.admit_count those of all days: leave {name} out"
    if settings.evict_by == "frequency" and settings.max_rows is None:
        yield "data.evict_by means nothing without data.max_rows, beyond which values give way to others"
    if not any(not (f.cuts or f.shares or settings.hash_size_of(n)) for n, f in settings.ids.items()):
        yield "data.grow_vocabulary: no field has values that could grow; hashes and buckets do not"
