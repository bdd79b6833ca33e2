"""A request to begin with, of values that a model knows."""

from __future__ import annotations

from rec.serving.ranking import PRICE
from rec.serving.schemas import RankRequest
from rec.serving.served import Served

_CANDIDATES = 5


def example(served: Served) -> RankRequest:
    """A user and some candidates, each with a price."""
    reader = served.model.reader
    user = {name: value for name, value in reader.example(0).items() if name in reader.shared_columns}
    candidates = []
    for number in range(_CANDIDATES):
        row = {name: value for name, value in reader.example(number).items() if name not in user}
        candidates.append({PRICE: 10.0 * (number + 1), **row})
    return RankRequest(user=user, candidates=candidates, a=None, b=None, c=None)
