"""What came out: rates, how long histories are, who is new, and how well the truth itself would do."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from rich.table import Table

from rec.metrics.truth import soft_auc
from simulation.log.blocks import Block, Part
from simulation.report import MOST_SCORED, percent


@dataclass
class Tally:
    """Counts over one part."""

    part: Part
    seen: int = 0
    clicks: int = 0
    conversions: int = 0
    history: int = 0
    new_users: int = 0
    new_items: int = 0
    p_conversion: float = 0.0
    p_conversion_clicked: float = 0.0
    scored: list[tuple[np.ndarray, ...]] = field(default_factory=list)

    def add(self, block: Block) -> None:
        """Count a block, the next one of the part."""
        clicked = block.click == 1
        self.clicks += int(clicked.sum())
        self.conversions += int(block.conversion.sum())
        self.history += int(np.diff(block.history_end, prepend=0)[block.request].sum())
        self.new_users += int((block.user >= self.part.known_users).sum())
        self.new_items += int((block.item >= self.part.known_items).sum())
        self.p_conversion += float(block.p_conversion.sum())
        self.p_conversion_clicked += float(block.p_conversion[clicked].sum())
        step = -(-self.part.impressions // MOST_SCORED)
        kept = slice(-self.seen % step, None, step)
        p_click, p_conversion = (p[kept].astype(np.float32) for p in (block.p_click, block.p_conversion))
        self.scored.append((p_click, p_conversion, clicked[kept]))
        self.seen += len(clicked)

    def ceilings(self) -> dict[str, float | None]:
        """Expected AUC of the truth's own probabilities, by task."""
        p_click, p_conversion, clicked = (np.concatenate(column) for column in zip(*self.scored, strict=True))
        tasks = {
            "CTR": p_click,
            "CVR where clicked": p_conversion[clicked],
            "CVR everywhere": p_conversion,
            "CTCVR": p_click * p_conversion,
        }
        return {task: soft_auc(p, p) for task, p in tasks.items()}


def table(tallies: Mapping[str, Tally]) -> Table:
    """The report, a column per part."""
    out = Table("", *tallies, title="Simulated log")
    for rows in zip(*(_rows(tally) for tally in tallies.values()), strict=True):
        out.add_row(rows[0][0], *(cell for _, cell in rows))
    return out


def _rows(tally: Tally) -> Iterator[tuple[str, str]]:
    """What stands in a part's column, and in front of it."""
    n = tally.part.impressions
    yield "impressions", f"{n:,}"
    yield "clicks", f"{tally.clicks:,} ({percent(tally.clicks, n)})"
    yield "conversions", f"{tally.conversions:,} ({percent(tally.conversions, tally.clicks)})"
    yield "items in a history", f"{tally.history / n:.2f}"
    yield "impressions of new users", percent(tally.new_users, n)
    yield "impressions of new items", percent(tally.new_items, n)
    yield "mean p(conversion | click)", percent(tally.p_conversion, n)
    yield "  the same where clicked", percent(tally.p_conversion_clicked, tally.clicks)
    for task, area in tally.ceilings().items():
        yield f"AUC of the truth: {task}", "undefined" if area is None else f"{area:.4f}"
