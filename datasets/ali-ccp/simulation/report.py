"""What came out: rates, tokens per exposure, and how well the truth itself would do."""

from dataclasses import dataclass, field

import numpy as np
from rich.table import Table

from rec.metrics.auc import AUC, auc
from rec.metrics.truth import soft_auc
from simulation.lines import Outcomes

MOST_SCORED = 1 << 23
"""Exposures kept for the AUCs; of more than that every n-th is, so that memory does not grow."""


@dataclass
class Tally:
    """Counts over one part."""

    exposures: int
    rows: int
    size: int = 0
    clicks: int = 0
    conversions: int = 0
    clickless: int = 0
    tokens: np.ndarray = field(default_factory=lambda: np.zeros(2, np.int64))
    p_conversion: float = 0.0
    p_conversion_clicked: float = 0.0
    scored: list[tuple[np.ndarray, ...]] = field(default_factory=list)

    def add(self, first: int, outcomes: Outcomes) -> None:
        """Count a block whose first exposure is number `first` of the part."""
        clicked = outcomes.click == 1
        converted = outcomes.conversion == 1
        self.clicks += int(clicked.sum())
        self.conversions += int((clicked & converted).sum())
        self.clickless += int((converted & ~clicked).sum())
        self.tokens += outcomes.tokens
        self.p_conversion += float(outcomes.p_conversion.sum())
        self.p_conversion_clicked += float(outcomes.p_conversion[clicked].sum())
        step = -(-self.exposures // MOST_SCORED)
        kept = slice(-first % step, None, step)
        scores = outcomes.p_click, outcomes.p_conversion, outcomes.p_click_given_inputs
        self.scored.append(
            (*(p[kept].astype(np.float32) for p in scores), outcomes.click[kept], outcomes.conversion[kept])
        )

    def ceilings(self) -> dict[str, AUC]:
        """AUC of the truth's own probabilities per task, on the labels drawn from them; noise is left out."""
        p_click, p_conversion, given_inputs, click, conversion = self._columns()
        sound = conversion <= click
        clicked = click == 1
        return {
            "CTR": auc(p_click[sound], click[sound]),
            "CTR given inputs": auc(given_inputs[sound], click[sound]),
            "CVR where clicked": auc(p_conversion[clicked], conversion[clicked]),
            "CTCVR": auc((p_click * p_conversion)[sound], conversion[sound]),
            "CTCVR given inputs": auc((given_inputs * p_conversion)[sound], conversion[sound]),
        }

    def everywhere(self) -> float | None:
        """Expected AUC of p(conversion | click) over all exposures, as if each had been clicked.

        Nobody draws the conversions of exposures without a click, so there is no AUC on labels; nor is it 1: equal
        probabilities do not end alike.
        """
        p_conversion = self._columns()[1]
        return soft_auc(p_conversion, p_conversion)

    def _columns(self) -> list[np.ndarray]:
        return [np.concatenate(column) for column in zip(*self.scored, strict=True)]


def percent(part: float, whole: float) -> str:
    """A share, such as 3.890 %; - of nothing."""
    return f"{100 * part / whole:.3f} %" if whole else "-"


def _score(area: AUC) -> str:
    return str(area) if area.standard_error is None else f"{area.value:.4f} +- {area.standard_error:.4f}"


def table(tallies: dict[str, Tally]) -> Table:
    """The report, a column per part."""
    out = Table("", *tallies, title="Simulated Ali-CCP")
    both = tallies.values()
    out.add_row("exposures", *(f"{tally.exposures:,}" for tally in both))
    out.add_row("common rows", *(f"{tally.rows:,}" for tally in both))
    out.add_row("text", *(f"{tally.size / 1e6:,.1f} MB" for tally in both))
    out.add_row("clicks", *(f"{tally.clicks:,} ({percent(tally.clicks, tally.exposures)})" for tally in both))
    out.add_row(
        "conversions", *(f"{tally.conversions:,} ({percent(tally.conversions, tally.clicks)})" for tally in both)
    )
    out.add_row("  without a click", *(f"{tally.clickless:,}" for tally in both))
    for place, name in enumerate(("own tokens", "common tokens")):
        out.add_row(f"{name} per exposure", *(f"{tally.tokens[place] / tally.exposures:.2f}" for tally in both))
    out.add_section()
    out.add_row("mean p(conversion)", *(percent(tally.p_conversion, tally.exposures) for tally in both))
    out.add_row("  the same where clicked", *(percent(tally.p_conversion_clicked, tally.clicks) for tally in both))
    out.add_section()
    ceilings = [tally.ceilings() for tally in both]
    for task in ceilings[0]:
        out.add_row(f"AUC of the truth: {task}", *(_score(ceiling[task]) for ceiling in ceilings))
    expected = (tally.everywhere() for tally in both)
    out.add_row("  expected: CVR everywhere", *("undefined" if area is None else f"{area:.4f}" for area in expected))
    return out
