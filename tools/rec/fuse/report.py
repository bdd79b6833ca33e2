"""What the search found, as a page and as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rec.fuse.bootstrap import Interval
from rec.fuse.formula import Formula
from rec.fuse.judgement import Comparison
from rec.fuse.rows import GMV


@dataclass(frozen=True)
class Report:
    """What the search found.

    Attributes:
        k: places that count.
        objective: the weight of each objective in the sum that was maximised.
        fitted, judged: how many requests.
        formula: the chosen one.
        forms: the best formula of each form, and the sum on the requests it was fitted on and on held-out ones.
        compared: by objective, on held-out requests.
        days: by day what the formula has more than `beside`, on held-out requests.
        beside: the best of the scores that it is compared with.
        front: formulas, and their clicks and GMV on held-out requests.
    """

    k: int
    objective: dict[str, float]
    fitted: int
    judged: int
    formula: Formula
    forms: dict[str, tuple[Formula, float, float]]
    compared: dict[str, Comparison]
    days: dict[str, dict[str, Interval]]
    beside: str
    front: Sequence[tuple[Formula, dict[str, Interval]]]

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {
            "k": self.k,
            "objective": self.objective,
            "requests": {"fitted": self.fitted, "held_out": self.judged},
            "formula": self.formula.model_dump(),
            "forms": {
                name: {"formula": formula.model_dump(), "fitted": fitted, "held_out": held_out}
                for name, (formula, fitted, held_out) in self.forms.items()
            },
            "held_out": {name: asdict(one) for name, one in self.compared.items()},
            "by_day": {day: _plain(values) for day, values in self.days.items()},
            "front": [{"formula": formula.model_dump(), **_plain(values)} for formula, values in self.front],
        }

    def page(self) -> str:
        """Markdown."""
        wanted = " + ".join(f"{weight:g} {name}" for name, weight in self.objective.items())
        lines = [
            "# Ranking formula", "", f"    {self.formula}", "",
            f"It maximises {wanted} among the first {self.k} of a request: clicks and orders as NDCG@{self.k}, GMV as "
            f"the share of the best order's. Fitted on {self.fitted:,} requests; what follows is of {self.judged:,} "
            "others, with 95 % intervals by bootstrap over requests.", "",
        ]  # fmt: skip
        for name, one in self.compared.items():
            lines += [f"## {name}", "", *_table(("score", name, "the formula has more by"), [
                ("the formula", str(one.own), ""),
                *((f"`{other}`", str(own), str(one.gains[other])) for other, own in one.others.items()),
            ]), ""]  # fmt: skip
        lines += ["## Forms", "", *_table(("form", "best formula", "fitted", "held out"), [
            (name, f"`{formula}`", f"{fitted:.4f}", f"{held_out:.4f}")
            for name, (formula, fitted, held_out) in self.forms.items()
        ]), ""]  # fmt: skip
        if self.days:
            names = list(self.compared)
            lines += [f"## By day: what it has more than `{self.beside}`", "", *_table(
                ("day", *names), [(day, *(str(values[n]) for n in names)) for day, values in self.days.items()]
            ), ""]  # fmt: skip
        if self.front:
            lines += ["## Clicks against GMV", "", "![front](front.png)", "", *_table(("formula", "clicks", GMV), [
                (f"`{formula}`", str(values["clicks"]), str(values[GMV])) for formula, values in self.front
            ]), ""]  # fmt: skip
        return "\n".join(lines)


def _plain(values: Mapping[str, Interval]) -> dict[str, Any]:
    return {name: asdict(one) for name, one in values.items()}


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(header)} |", "|---" * len(header) + "|", *(f"| {' | '.join(row)} |" for row in rows)]
