"""The search for a formula's weights, with Optuna."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Literal

import numpy as np

from rec.console import Bar
from rec.fuse.formula import Formula, logarithm
from rec.fuse.learned import learn
from rec.fuse.measure import Judge
from rec.fuse.rows import CLICKS, GMV, Rows
from rec.numeric import Array

Searched = Literal["power", "additive"]


@dataclass(frozen=True)
class Found:
    """A formula, and its objectives on the rows that it was fitted on."""

    formula: Formula
    values: dict[str, float]

    def wanted(self, objective: Mapping[str, float]) -> float:
        """The weighted sum of the objectives."""
        return sum(weight * self.values[name] for name, weight in objective.items())


class Fit:
    """Formulas over some rows.

    Args:
        rows: to fit on.
        k: places that count.
        objective: the weight of each objective in the sum that is maximised.
        seed: of the search.
    """

    def __init__(self, rows: Rows, k: int, objective: Mapping[str, float], seed: int) -> None:
        self.objective, self._seed, self._rows = objective, seed, rows
        self._judge = Judge(rows, k)
        self.missing = {name: float(np.nanmedian(v)) for name, v in rows.terms.items() if np.nanmax(v) > 1.0}
        self._terms = {name: np.nan_to_num(v, nan=self.missing.get(name, 0.0)) for name, v in rows.terms.items()}

    def learned(self) -> Found:
        """The logistic form, whose gain is the weighted sum of the objectives' gains, each of mean 1."""
        gain = np.zeros(len(self._rows.request))
        for name, weight in self.objective.items():
            gain += weight * self._rows.gains[name] / max(float(self._rows.gains[name].mean()), 1e-12)
        return self.judged(learn(self._terms, gain, self.missing))

    def judged(self, formula: Formula) -> Found:
        """A formula with its objectives."""
        return Found(formula, self._values(formula.score(self._terms)))

    def search(self, form: Searched, trials: int) -> list[Found]:
        """All formulas of a form that were tried.

        Half of the trials maximise the weighted sum (TPE, Bergstra et al., NeurIPS 2011), and half look for the front
        of clicks against GMV (NSGA-II, Deb et al., 2002), where there is GMV. The first ones are each term alone, and
        all of them alike.

        Weights are between 0 and 1, of a term that may exceed 1, such as a price, between -1 and 1, since an order
        stays what it is if all of them are multiplied by the same number; the largest is made 1 in the end.
        """
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        terms, found = list(self._terms), []
        columns = np.stack([_column(form, values) for values in self._terms.values()], axis=1)

        def judge(trial: Any) -> dict[str, float]:
            drawn = [trial.suggest_float(name, *_range(self._terms[name])) for name in terms]
            values = self._values(columns @ np.array(drawn))
            found.append(Found(self._formula(form, drawn), values))
            bar.advance(1)
            return values

        def wanted(trial: Any) -> float:
            values = judge(trial)
            return sum(weight * values[name] for name, weight in self.objective.items())

        both = GMV in self._rows.gains
        with Bar(f"formulas, {form}", trials) as bar:
            sampler = optuna.samplers.TPESampler(seed=self._seed, n_startup_trials=max(10, trials // 10))
            _run(optuna.create_study(direction="maximize", sampler=sampler), terms, wanted, trials - both * trials // 2)
            if both:
                study = optuna.create_study(
                    directions=["maximize"] * 2, sampler=optuna.samplers.NSGAIISampler(seed=self._seed)
                )
                _run(study, terms, lambda trial: itemgetter(CLICKS, GMV)(judge(trial)), trials // 2)
        return found

    def _values(self, score: Array) -> dict[str, float]:
        return {name: float(np.nan_to_num(shares.value)) for name, shares in self._judge(score).items()}

    def _formula(self, form: Searched, drawn: Sequence[float]) -> Formula:
        largest = max(map(abs, drawn)) or 1.0
        weights = dict(zip(self._terms, (each / largest for each in drawn), strict=True))
        if form == "additive":
            weights = {name: weight / _size(self._terms[name]) for name, weight in weights.items()}
        return Formula(form=form, terms=weights, missing=self.missing)

    def centre(self, form: Searched, found: Sequence[Found]) -> Found:
        """The mean of the weights of the best tenth of formulas, with its objectives.

        The best of many trials is in part the luckiest: GMV among the first places hangs on few orders. Where formulas
        are about as good, their middle is what holds on other requests.
        """
        best = sorted(found, key=lambda one: -one.wanted(self.objective))[: max(1, len(found) // 10)]
        mean = {name: float(np.mean([one.formula.terms[name] for one in best])) for name in self._terms}
        return self.judged(Formula(form=form, terms=mean, missing=self.missing))


def _run(study: Any, terms: Sequence[str], objective: Callable[[Any], Any], trials: int) -> None:
    for alone in terms:
        study.enqueue_trial({name: float(name == alone) for name in terms})
    study.enqueue_trial(dict.fromkeys(terms, 1.0))
    study.optimize(objective, n_trials=trials)


def _column(form: Searched, values: Array) -> Array:
    return logarithm(values) if form == "power" else values / _size(values)


def _size(values: Array) -> float:
    """By what a term is divided in a sum, so that weights of rare rates and of prices are alike: its mean."""
    return float(np.abs(values).mean()) or 1.0


def _range(values: Array) -> tuple[float, float]:
    return (0.0 if values.max(initial=0.0) <= 1.0 else -1.0), 1.0


def front(found: Sequence[Found]) -> list[Found]:
    """Those that none beats in clicks and GMV both, by clicks."""
    best, kept = -np.inf, []
    for each in sorted(found, key=lambda each: (-each.values[CLICKS], -each.values[GMV])):
        if each.values[GMV] > best:
            best = each.values[GMV]
            kept.append(each)
    return kept[::-1]
