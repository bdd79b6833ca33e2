"""Values that training has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rec.numeric import Array

MANY = 0.5
"""Share of unseen ones above which a field says nothing of most rows. New users and items are ordinary, a third of them
too; that most are new is a fault of the data (another spelling, another join) or a field that ages, such as a date."""

_EXAMPLES, _SHOWN, _LONG = 3, 5, 30


@dataclass(frozen=True)
class Unseen:
    """What a vocabulary does not know of a field's values.

    Attributes:
        values, unseen_values: distinct values, and how many of them are not in the vocabulary.
        tokens, unseen_tokens: the same of all their occurrences.
        examples: some of the unseen values, the commonest first.
        min_count: values that training has seen less often are unseen ones, too.
        grows: whether that is `data.admit_count`.
    """

    values: int
    unseen_values: int
    tokens: int
    unseen_tokens: int
    examples: tuple[str, ...]
    min_count: int = 1
    grows: bool = False

    @classmethod
    def of(cls, texts: pa.ChunkedArray, unknown: Array, min_count: int = 1, grows: bool = False) -> Unseen:
        """Of a field's values and whether each is unknown, bool [T]."""
        counts = pc.value_counts(texts.filter(pa.array(unknown)))
        often = np.argsort(-counts.field("counts").to_numpy(), kind="stable")[:_EXAMPLES]
        examples = tuple(counts.field("values").take(pa.array(often)).to_pylist())
        values, unseen = pc.count_distinct(texts).as_py(), int(unknown.sum())
        return cls(values, len(counts), len(texts), unseen, examples, min_count, grows)

    @property
    def share(self) -> float:
        """Of the occurrences, those of unseen values."""
        return self.unseen_tokens / max(self.tokens, 1)

    def says(self, values: str = "") -> str:
        """What makes `values` unseen ones, such as "most values of a field", in words."""
        values = f" {values}" if values else ""
        if self.min_count == 1:
            return f"training has not seen{values}"
        setting = "admit_count" if self.grows else "min_count"
        return f"training has seen{values} fewer than {self.min_count} times (data.{setting})"

    def __str__(self) -> str:
        examples = f", such as {', '.join(repr(text[:_LONG]) for text in self.examples)}" if self.examples else ""
        return f"{self.share:.1%}: {self.unseen_values:,} of {self.values:,} values{examples}"


def summary(unseen: Mapping[str, Unseen]) -> str:
    """The shares of the fields that have the largest ones."""
    largest = sorted(unseen.items(), key=lambda item: -item[1].share)[:_SHOWN]
    return ", ".join(f"{name} {one.share:.1%}" for name, one in largest) + (", ..." if len(unseen) > _SHOWN else "")
