"""Results of all runs, put together: by system and share, over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rec.compare.intervals import Difference
from rec.compare.plan import RANDOM
from rec.compare.statistics import Summary, paired_p, summary
from rec.config.compare import Compare

Content = Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """A comparison's results.

    Attributes:
        compare: what was compared.
        runs: contents of finished runs by (system, share, seed).
        searched: by system, contents of the runs that its rate was searched with.
        differences: of each other system's AUC, by (system, figure), from the first system's.
    """

    compare: Compare
    runs: Mapping[tuple[str, float, int], Content]
    searched: Mapping[str, Sequence[Content]]
    differences: Mapping[tuple[str, str], Difference] = field(default_factory=dict)

    @property
    def full(self) -> float:
        """The largest share, which tables are of."""
        return max(self.compare.shares)

    @property
    def reference(self) -> str:
        """The first system: what others are tested against."""
        return next(iter(self.compare.systems))

    def values(self, system: str, figure: str, share: float | None = None) -> list[float | None]:
        """A figure of a system by seed; None where it is undefined."""
        share = self.full if share is None else share
        contents = [self.runs[system, share, seed] for seed in self.compare.seeds]
        return [content["figures"].get(figure) for content in contents]

    def summary(self, system: str, figure: str, share: float | None = None) -> Summary:
        """Mean and standard deviation of a figure."""
        return summary(self.values(system, figure, share))

    def best(self, figure: str) -> str | None:
        """The system with the largest mean."""
        means = {name: self.summary(name, figure).mean for name in self.compare.systems}
        known = {name: mean for name, mean in means.items() if mean is not None}
        return max(known, key=lambda name: known[name]) if known else None

    def p_value(self, system: str, other: str | None, figure: str) -> float | None:
        """Of the paired t-test of two systems; None for one and the same."""
        if other is None or system == other:
            return None
        return paired_p(self.values(system, figure), self.values(other, figure))

    @property
    def simulated(self) -> bool:
        """Whether the data's truth is known."""
        return any(value is not None for value in self.values(self.reference, "entire_cvr"))

    @property
    def random(self) -> bool:
        """Whether there are impressions that were chosen at random."""
        return f"{RANDOM}_cvr" in self.runs[self.reference, self.full, self.compare.seeds[0]]["figures"]

    def above_one(self, system: str) -> float | None:
        """Share of a system's test estimates above 1, in the mean; None where it divides nothing."""
        if not self.compare.systems[system].division:
            return None
        contents = [self.runs[system, self.full, seed] for seed in self.compare.seeds]
        return sum(c["above_one"] / c["test_impressions"] for c in contents) / len(contents)


def best_rate(contents: Sequence[Content]) -> float:
    """The rate with the largest CVR AUC on validation data; the first of equals, and where none is defined."""
    return float(max(contents, key=lambda c: -1.0 if c["valid_cvr"] is None else c["valid_cvr"])["rate"])
