"""The laboratory's page: figures of each method in each world, and who wins where."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

import numpy as np

from rec.compare.judge import Facts
from rec.compare.report import Section
from rec.compare.statistics import holm, paired_p, summary
from rec.metrics.truth import soft_auc
from rec.numeric import Array

Values = Mapping[str, float | None]
ENTIRE = "share of ceiling"
SPACES = ("entire", "clicked", "un-clicked")


@dataclass
class Lab:
    """What is measured.

    Attributes:
        found: measures of each seed, by world and system.
        costs: milliseconds of a step by system.
    """

    found: dict[str, dict[str, list[Values]]] = field(default_factory=dict)
    costs: dict[str, float] = field(default_factory=dict)

    def add(self, world: str, system: str, values: Values) -> None:
        """One more seed."""
        self.found.setdefault(world, {}).setdefault(system, []).append(values)

    def values(self, world: str, system: str, measure: str) -> list[float | None]:
        """A measure by seed."""
        return [each.get(measure) for each in self.found[world][system]]

    def p_values(self, measure: str) -> dict[tuple[str, str], float | None]:
        """Of each system against the first in its world, adjusted for all of them."""
        raw = {}
        for world, systems in self.found.items():
            first, *others = systems
            for name in others:
                ours, theirs = (self.values(world, each, measure) for each in (name, first))
                count = min(len(ours), len(theirs))
                raw[world, name] = paired_p(ours[:count], theirs[:count])
        return holm(raw)


def measures(p_cvr: Array, facts: Facts, figures: Values) -> dict[str, float | None]:
    """Of one run: AUCs against labels, and against the truth over the entire space, its clicked and un-clicked part.

    Args:
        p_cvr: pCVR of the test impressions, float [n].
    """
    found = {"CVR AUC, clicked": figures.get("cvr"), "CTCVR AUC": figures.get("ctcvr")}
    true = facts.p_conversion
    if true is None:
        return found
    clicked = facts.click == 1
    for space, some in zip(SPACES, (np.ones(len(true), bool), clicked, ~clicked), strict=True):
        area, ceiling = soft_auc(p_cvr[some], true[some]), soft_auc(true[some], true[some])
        share = None if area is None or ceiling is None or ceiling == 0.5 else (area - 0.5) / (ceiling - 0.5)
        found[f"{ENTIRE}, {space}"] = share
        found[f"calibration, {space}"] = float(p_cvr[some].sum() / true[some].sum(dtype=np.float64))
    return found


def sections(lab: Lab) -> Iterator[Section]:
    """The page's."""
    yield _map(lab)
    for world in lab.found:
        yield _world(lab, world)
    rows = [["system", "milliseconds a step"], *([name, f"{cost:.1f}"] for name, cost in lab.costs.items())]
    yield Section("Cost", "Median of a training step in dynamic graph, in the first world.", rows)


def _map(lab: Lab) -> Section:
    """Which method wins where."""
    measure = f"{ENTIRE}, entire"
    p_values = lab.p_values(measure)
    rows = [["world", "best", "its share", "first system's share", "p", "significantly better", "significantly worse"]]
    for world, systems in lab.found.items():
        means = {name: summary(lab.values(world, name, measure)).mean or 0.0 for name in systems}
        first, best = next(iter(systems)), max(means, key=lambda name: means[name])
        sure = [name for name in systems if (p_values.get((world, name)) or 1.0) < 0.05]
        better, worse = ([n for n in sure if (means[n] > means[first]) == up] for up in (True, False))
        listed = [", ".join(some) or "none" for some in (better, worse)]
        rows.append(
            [world, best, f"{means[best]:.3f}", f"{means[first]:.3f}", _p(p_values.get((world, best))), *listed]
        )
    text = (
        "Share of the ceiling over the entire space: (AUC - 1/2) / (ceiling - 1/2), both expected under the true "
        "probabilities of all test impressions. Tests are paired over seeds, against the first system, and adjusted by "
        "Holm's procedure over all systems and worlds: below .05 is significant."
    )
    return Section("Which method wins where", text, rows)


def _world(lab: Lab, world: str) -> Section:
    systems = lab.found[world]
    names = list(next(iter(systems.values()))[0])
    p_values = lab.p_values(f"{ENTIRE}, entire")
    rows = [["system", *names, "p, adjusted"]]
    for name in systems:
        cells = [_figure(lab.values(world, name, measure)) for measure in names]
        rows.append([name, *cells, _p(p_values.get((world, name)))])
    seeds = len(next(iter(systems.values())))
    text = (
        f"Mean ± standard deviation over {seeds} seeds. Calibration: sum of predicted over sum of true probabilities."
    )
    return Section(f"World: {world}", text, rows)


def _figure(values: list[float | None]) -> str:
    found = summary(values)
    if found.mean is None:
        return "-"
    return f"{found.mean:.3f}" + ("" if found.std is None else f" ± {found.std:.3f}")


def _p(value: float | None) -> str:
    return "-" if value is None else "< 0.001" if value < 1e-3 else f"{value:.3f}"
