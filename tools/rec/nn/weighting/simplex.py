"""Exact minima over the simplex {a >= 0, sum a = 1} of what MGDA and CAGrad minimise, in either graph mode.

A convex function's minimum over the simplex lies within one of its faces, where it is stationary in the face's plane.
T losses have 2^T - 1 faces: the stationary point of each is one small linear system, all solved at once, and the best
of those that lie within their faces is the minimum. Nothing is iterated, and nothing has to converge.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Any

import numpy as np
import paddle

from rec.errors import UserError
from rec.numeric import Array

MOST = 10
"""Losses that are weighted so: with each one more the work doubles; of 10 it is a millisecond."""

_RIDGE = 1e-10
_OUTSIDE = 1e30


def check_number(kind: str, weights: Any) -> None:
    """Raise UserError where there are more losses than faces can be gone through for."""
    if len(weights) > MOST:
        raise UserError(
            f"hyper_parameters.weighting: {kind} weighs up to {MOST} losses, found {len(weights)}: "
            f"{', '.join(weights)}; take another kind"
        )


class Simplex:
    """The faces over T gradients whose inner products are known. What is computed is float64.

    A loss without a gradient, such as that of a behaviour that a batch does not hold, is in no face: any sum is as long
    with it, and it would take all the weight.

    Args:
        products: [T, T].
    """

    def __init__(self, products: Any) -> None:
        products = paddle.cast(products, "float64")
        count = products.shape[0]
        squares = paddle.diagonal(products)
        self.scale = paddle.clip(squares.max(), min=1e-60)
        self.products, self.present = products / self.scale, paddle.cast(squares > 0, "float64")
        self.inside = paddle.to_tensor(_faces(count))  # [2^T - 1, T], 1 within
        pairs = self.inside.unsqueeze(2) * self.inside.unsqueeze(1)
        unit = paddle.eye(count, dtype="float64")
        self.systems = pairs * self.products + unit * (1.0 - self.inside).unsqueeze(2) + _RIDGE * unit
        self.usable = ((1.0 - self.present) * self.inside).sum(axis=1) == 0

    def solve(self, right: Any) -> Any:
        """x of each face with G x = right there and 0 elsewhere, [2^T - 1, T], for `right` [T]."""
        return paddle.linalg.solve(self.systems, (self.inside * right).unsqueeze(2)).squeeze(2)

    def best(self, points: Any, costs: Any) -> Any:
        """The cheapest of `points`, [N, T], that lie within usable faces, where N is a multiple of the faces; [T].

        Zeros where no loss has a gradient.
        """
        times = points.shape[0] // self.inside.shape[0]
        usable = paddle.tile(self.usable, [times])
        within = paddle.logical_and(usable, (points >= 0.0).all(axis=1))
        within = paddle.logical_and(within, paddle.isfinite(costs))
        cost = paddle.where(within, costs, paddle.full_like(costs, _OUTSIDE))
        points = paddle.where(within.unsqueeze(1), points, paddle.zeros_like(points))
        return paddle.index_select(points, paddle.argmin(cost, keepdim=True), axis=0).squeeze(0)

    def squares(self, points: Any) -> Any:
        """a'G a of each point, [N] for [N, T]."""
        return (paddle.matmul(points, self.products) * points).sum(axis=1)

    def shortest(self) -> Any:
        """Of each face the point whose gradients' sum is the shortest, [2^T - 1, T]; it may lie outside."""
        found = self.solve(paddle.ones([self.products.shape[0]], "float64"))
        return found / found.sum(axis=1, keepdim=True)


@cache
def _faces(count: int) -> Array:
    return np.array([face for face in product((0.0, 1.0), repeat=count) if any(face)])


def min_norm(products: Any) -> Any:
    """argmin a'G a over the simplex, float64 [T], for G [T, T]: MGDA's weights."""
    simplex = Simplex(products)
    points = simplex.shortest()
    return simplex.best(points, simplex.squares(points))


def cagrad_point(products: Any, c: float) -> tuple[Any, Any]:
    """argmin g_w'g_0 + c |g_0| |g_w| over the simplex, float64 [T], g_0 the mean gradient; and c |g_0| / |g_w|.

    In a face the minimum has w = (s / k) G^-1 (lambda - b) with b = G 1/T, k = c |g_0| and s = |g_w|; that w sums to 1
    and s is its length are two equations for lambda and s, quadratic in lambda. Where g_w can be 0, the cost has a
    kink, which is the shortest point's.
    """
    simplex = Simplex(products)
    mean = simplex.present / paddle.clip(simplex.present.sum(), min=1.0)
    slope = paddle.matmul(simplex.products, mean)
    size = c * paddle.sqrt(paddle.clip((mean * slope).sum(), min=0.0))
    one, b = simplex.solve(paddle.ones_like(mean)), simplex.solve(slope)
    across, mixed = (one * simplex.inside).sum(axis=1), (b * simplex.inside).sum(axis=1)
    rest = (b * slope).sum(axis=1)
    root = paddle.sqrt(mixed**2 - across * (rest - size**2))  # NaN: no minimum within this face
    multiplier = (mixed + root) / across
    points = (multiplier.unsqueeze(1) * one - b) / (across * multiplier - mixed).unsqueeze(1)
    points = paddle.concat([points, simplex.shortest()])
    lengths = paddle.sqrt(paddle.clip(simplex.squares(points), min=0.0))
    best = simplex.best(points, paddle.matmul(points, slope) + size * lengths)
    length = paddle.sqrt(paddle.clip(simplex.squares(best.unsqueeze(0)), min=0.0)).squeeze(0)
    return best, size / paddle.clip(length, min=1e-12)
