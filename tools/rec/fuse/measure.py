"""How good an order of requests' rows is: NDCG of clicks and orders, and GMV, among the first k."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rec.fuse.rows import GMV, Rows
from rec.numeric import Array


@dataclass(frozen=True)
class Shares:
    """Of each request what an order gets and what could be got, float64 [R]; the objective is the ratio of the sums."""

    got: Array
    possible: Array

    @property
    def value(self) -> float:
        """Between 0 and 1; NaN if nothing could be got."""
        total = float(self.possible.sum())
        return float(self.got.sum()) / total if total else float("nan")


class Judge:
    """Judges scores of some rows.

    Of clicks and orders it counts NDCG@k (Jarvelin and Kekalainen, TOIS 2002), of which each request with a gain counts
    one; of GMV the sum in the first k places, against that of the best order.

    Args:
        rows: the requests.
        k: places that count.
    """

    def __init__(self, rows: Rows, k: int) -> None:
        self._rows, self._request = rows, rows.request
        place = np.arange(len(self._request)) - rows.starts[self._request]
        seen = (place < k).astype(np.float64)
        self._weights = {name: seen if name == GMV else seen / np.log2(place + 2.0) for name in rows.gains}
        self._best = {name: self._sums(name, gains) for name, gains in rows.gains.items()}

    def __call__(self, score: Array) -> dict[str, Shares]:
        """By objective, of the order by score, float [n], largest first."""
        order = np.lexsort((-score, self._request))
        found = {}
        for name, gains in self._rows.gains.items():
            got, best = self._in_order(name, gains[order]), self._best[name]
            if name == GMV:
                found[name] = Shares(got, best)
            else:
                found[name] = Shares(np.divide(got, best, out=np.zeros(len(best)), where=best > 0), (best > 0) * 1.0)
        return found

    def _sums(self, name: str, gains: Array) -> Array:
        """Of the best order."""
        return self._in_order(name, gains[np.lexsort((-gains, self._request))])

    def _in_order(self, name: str, gains: Array) -> Array:
        return np.add.reduceat(gains * self._weights[name], self._rows.starts[:-1])
