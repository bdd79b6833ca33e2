"""The whole of it: predictions in, a formula, a page and a figure out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from rec.console import log
from rec.errors import UserError
from rec.fuse.figure import draw
from rec.fuse.formula import Form, Formula
from rec.fuse.judgement import along, by_day, compare
from rec.fuse.measure import Judge
from rec.fuse.report import Report
from rec.fuse.rows import GMV, ORDERS, Names, Rows, rows_of
from rec.fuse.search import Fit, Found, front
from rec.output import whole_folder

_RESULT = {"formula.json", "report.md", "report.json", "front.png"}

_DRAWN = 20
"""Formulas of the front that are judged on held-out requests."""


@dataclass(frozen=True)
class Plan:
    """What is searched for.

    Attributes:
        objective: by objective its weight in the sum that is maximised; none: GMV, or orders where no price is known.
        k: places of a request that count.
        forms: that are tried.
        trials: of each form that is searched.
        held_out: share of the requests that formulas are judged on.
        seed: of the parts and the search.
    """

    objective: Mapping[str, float]
    k: int
    forms: Sequence[Form]
    trials: int
    held_out: float
    seed: int


def fuse(table: pa.Table, names: Names, plan: Plan, to: Path) -> Formula:
    """Search a formula, and write `formula.json`, `report.md`, `report.json` and, with GMV, `front.png` to a folder.

    Raises:
        UserError: the predictions lack what is needed, or the folder cannot be written.
    """
    rows = rows_of(table, names, plan.seed)
    objective = dict(plan.objective) or {(GMV if GMV in rows.gains else ORDERS): 1.0}
    _check(rows, objective, plan.k)
    fitted, judged = rows.halves(plan.held_out, plan.seed)
    for name in objective:
        for part, says in ((fitted, "to fit on"), (judged, "held out")):
            if not part.gains[name].any():
                raise UserError(
                    f"no row of the requests {says} has {name}: more requests are needed, or another --seed"
                )
    found = _search(Fit(fitted, plan.k, objective, plan.seed), plan)
    report = _report(found, fitted, judged, objective, plan)
    with whole_folder(to) as folder:
        report.formula.save(folder)
        (folder / "report.md").write_text(report.page(), encoding="utf-8")
        (folder / "report.json").write_text(json.dumps(report.as_dict(), indent=1), encoding="utf-8")
        if report.front:
            own = {name: one.own for name, one in report.compared.items()}
            others = {name: {o: one.others[name] for o, one in report.compared.items()} for name in _beside(judged)}
            (folder / "front.png").write_bytes(draw([point for _, point in report.front], own, others, plan.k))
    for name, one in report.compared.items():
        log.info(
            "%s on held-out requests: %s; more than %s by %s", name, one.own, report.beside, one.gains[report.beside]
        )
    log.info("the formula: %s; written: %s", report.formula, to.resolve())
    return report.formula


def check_place(to: Path) -> None:
    """Raise UserError if the results would take the place of something else than those of an earlier search."""
    if to.exists() and not to.is_dir():
        raise UserError(f"--to {to}: is a file, expected a folder to write")
    others = sorted({path.name for path in to.iterdir()} - _RESULT) if to.exists() else []
    if others:
        raise UserError(f"--to {to}: holds {others[0]}, which no search wrote: name a folder of its own")


def _check(rows: Rows, objective: Mapping[str, float], k: int) -> None:
    for name in objective:
        if name not in rows.gains:
            raise UserError(f"--objective {name}: should be one of {', '.join(rows.gains)}; gmv needs --price COLUMN")
    if k >= np.diff(rows.starts).max() and GMV in objective:
        raise UserError(f"--k {k}: no request has more rows, so that GMV among its first {k} is the same in any order")
    for name, gains in rows.gains.items():
        if not gains.any() and name in objective:
            raise UserError(f"no row has {name}: nothing to search by")


def _search(fit: Fit, plan: Plan) -> dict[str, list[Found]]:
    found: dict[str, list[Found]] = {}
    for form in plan.forms:
        if form == "logistic":
            found[form] = [fit.learned()]
        else:
            tried = fit.search(form, plan.trials)
            found[form] = [*tried, fit.centre(form, tried)]
    return found


def _report(
    found: Mapping[str, Sequence[Found]], fitted: Rows, judged: Rows, objective: dict[str, float], plan: Plan
) -> Report:
    best = {form: each[-1] for form, each in found.items()}
    judge = Judge(judged, plan.k)

    def held_out(formula: Formula) -> float:
        values = judge(formula.score(judged.terms))
        return sum(weight * values[name].value for name, weight in objective.items())

    forms = {form: (one.formula, one.wanted(objective), held_out(one.formula)) for form, one in best.items()}
    formula = max(best.values(), key=lambda one: one.wanted(objective)).formula
    others = _beside(judged)
    beside = max(others, key=lambda name: held_out(others[name]))
    line = front([one for each in found.values() for one in each]) if GMV in judged.gains else []
    line = [line[at] for at in sorted(set(np.linspace(0, len(line) - 1, min(_DRAWN, len(line))).astype(int).tolist()))]
    points = along(judged, plan.k, [one.formula for one in line], plan.seed) if line else []
    return Report(
        plan.k, objective, fitted.num_request, judged.num_request, formula, forms,
        compare(judged, plan.k, formula, others, plan.seed),
        by_day(judged, plan.k, formula, others[beside], plan.seed), beside,
        [(one.formula, point) for one, point in zip(line, points, strict=True)],
    )  # fmt: skip


def _beside(rows: Rows) -> dict[str, Formula]:
    """The scores that a formula is compared with: each term alone, and the product of all."""
    missing = {name: float(np.nanmedian(values)) for name, values in rows.terms.items() if np.isnan(values).any()}
    alone = {name: Formula(form="additive", terms={name: 1.0}, missing=missing) for name in rows.terms}
    return alone | {
        " * ".join(rows.terms): Formula(form="power", terms=dict.fromkeys(rows.terms, 1.0), missing=missing)
    }
