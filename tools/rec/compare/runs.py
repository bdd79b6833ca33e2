"""The runs of a comparison: which there are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rec.compare.plan import Plan, Target
from rec.compare.propensity import HALVES
from rec.config.compare import System

CTR, CTCVR = "CTR", "CTCVR"
HELP = System(rows="all")
"""Of the nets that others need."""


@dataclass(frozen=True)
class Run:
    """One network trained with one seed on a share of the data; `rate` is what its rule is told."""

    name: str
    system: System
    seed: int
    share: float
    rate: float | None = None

    @property
    def title(self) -> str:
        """For people."""
        rate = "" if self.rate is None else f" at {self.rate:g}"
        return f"{self.name}{rate}, {100 * self.share:g} % of the data, seed {self.seed}"

    @property
    def half(self) -> int | None:
        """The half of the impressions that it trains on; None: both."""
        return HALVES.index(self.name) if self.system is HELP and self.name in HALVES else None

    @property
    def target(self) -> Target | None:
        """What a net of one task is to predict; None: a model directory's network, or none at all."""
        if self.system is HELP:
            return "ctcvr" if self.name == CTCVR else "ctr"
        return "cvr" if self.system.rows else None

    @property
    def needs(self) -> list[str]:
        """The nets of the same seed and share that have to be trained before."""
        if self.system is HELP:
            return [] if self.name == CTR else [CTR]
        return [CTR, *([CTCVR] if self.system.division else []), *(HALVES if self.system.rows == "unbias" else [])]


def plan_runs(plan: Plan, chosen: dict[str, float | None]) -> Iterator[Run]:
    """All runs, of each seed and share the nets that others need first; `chosen` is each system's rate."""
    systems = plan.compare.systems
    for share in sorted(plan.compare.shares, reverse=True):
        for seed in plan.compare.seeds:
            yield Run(CTR, HELP, seed, share)
            if any(system.division for system in systems.values()):
                yield Run(CTCVR, HELP, seed, share)
            if any(system.rows == "unbias" for system in systems.values()):
                yield from (Run(name, HELP, seed, share) for name in HALVES)
            for name, system in systems.items():
                yield Run(name, system, seed, share, chosen.get(name))


def searches(plan: Plan) -> dict[str, list[Run]]:
    """The runs among whose rates validation chooses, by system: with the first seed on the largest share."""
    compare = plan.compare
    first = (compare.seeds[0], max(compare.shares))
    return {
        name: [Run(name, system, *first, rate) for rate in system.rates]
        for name, system in compare.systems.items()
        if system.rates
    }
