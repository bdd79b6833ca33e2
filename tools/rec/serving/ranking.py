"""The order of a request's candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rec.data.raw import Row
from rec.errors import UserError
from rec.fuse.formula import Formula
from rec.numeric import Array
from rec.serving.served import Served

PRICE = "price"

WEIGHTS = {"a": "pctr", "b": "pcvr", "c": PRICE}
"""What each weight of a request is the exponent of."""


@dataclass(frozen=True)
class Ranking:
    """Candidates in order.

    Attributes:
        order: int64 [n], their numbers in the request, the best first.
        scores: float64 [n], in the request's order.
        predictions: float32 [n] by name, in the request's order.
        formula: what they are ranked by.
        version: of the model.
    """

    order: Array
    scores: Array
    predictions: Mapping[str, Array]
    formula: Formula
    version: str


def rank(served: Served, user: Row, candidates: Sequence[Row], weights: Mapping[str, float]) -> Ranking:
    """The candidates by their scores; equal ones in the request's order.

    Args:
        weights: a, b and c of pctr^a pcvr^b price^c, as far as the request names them; nothing: the model's formula.

    Raises:
        UserError: a value is none that its column may hold, or the formula needs one that is missing.
    """
    formula = chosen(served, weights)
    predictions = served.predict(candidates, user)
    others = [name for name in formula.terms if name not in predictions]
    columns = {name: _numbers(name, [row.get(name, user.get(name)) for row in candidates]) for name in others}
    scores = formula.score({**predictions, **columns})
    return Ranking(np.argsort(-scores, kind="stable"), scores, predictions, formula, served.version)


def chosen(served: Served, weights: Mapping[str, float]) -> Formula:
    """The formula of a request's weights; a and b that it does not name are 1, c is 0."""
    for key in ("a", "b"):
        if key in weights and WEIGHTS[key] not in served.outputs:
            raise UserError(f"{key}: is the exponent of {WEIGHTS[key]}, which this model does not predict")
    if not weights:
        return served.formula
    terms = {WEIGHTS[key]: weights.get(key, 1.0) for key in ("a", "b") if WEIGHTS[key] in served.outputs}
    if weights.get("c"):
        terms[PRICE] = weights["c"]
    return Formula(form="power", terms=terms) if terms else served.formula


def _numbers(name: str, values: Sequence[Any]) -> Array:
    """A column as float64 [n]; NaN where there is nothing."""
    found = np.full(len(values), np.nan)
    for place, value in enumerate(values):
        if value is None or value == "":
            continue
        try:
            found[place] = float(value)
        except (TypeError, ValueError, OverflowError):
            found[place] = np.inf
        if np.isinf(found[place]):
            shown = repr(value)[:60]
            raise UserError(f"rows: row {place + 1}: {name} should be a number to be ranked by, found {shown}")
    return found
