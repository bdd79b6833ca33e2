"""What a method that tells un-clicked impressions something is given, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeAlias

import paddle
from paddle import nn
from pydantic import Field

from rec.nn.features import Features
from rec.nn.layers import Stack
from rec.nn.masks import masked_mean
from rec.nn.probability import Probability

Weight: TypeAlias = Annotated[float | int, Field(ge=0)]
"""Of a loss."""


@dataclass(frozen=True)
class Room:
    """How large the heads of a method are to be; between their layers stands ReLU alone.

    Attributes:
        width: of what the conversion's tower sees.
        sizes: units of a tower's hidden layers, bottom first.
    """

    width: int
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class Seen:
    """A forward pass in training.

    Attributes:
        x: what the conversion's tower sees, `Features` or float [B, width].
        p, q: pCTR and pCVR.
        tower: the conversion's.
    """

    x: Features | Any
    p: Probability
    q: Probability
    tower: Stack


@dataclass(frozen=True)
class Carried:
    """Something of a forward pass that a loss needs and that is no prediction.

    Attributes:
        vectors: float [B, n].
    """

    vectors: Any

    @property
    def value(self) -> Any:
        """Its first column, float [B, 1]: what the other outputs have."""
        return self.vectors[:, :1]

    def mapped(self, rows: Callable[[Any], Any]) -> Carried:
        """The same of the rows that `rows` has."""
        return Carried(rows(self.vectors))


@dataclass(frozen=True)
class Impressions:
    """A batch of B impressions, float [B, 1] each.

    Attributes:
        click, conversion: o and t = o r, 0 where they are not known.
        mask: 1 where o, and r of a clicked impression, are known: others are in no mean.
        p, q: pCTR and pCVR.
        propensity: p or what is given in its place, between `propensity_min` and 1; no gradient passes.
        otherwise: 1 - p, at least `propensity_min`; no gradient passes.
        told: what the method's `heads` have said.
    """

    click: Any
    conversion: Any
    mask: Any
    p: Probability
    q: Probability
    propensity: Any = None
    otherwise: Any = None
    told: Mapping[str, Any] = field(default_factory=dict)

    @property
    def unclicked(self) -> Any:
        """1 - o."""
        return 1.0 - self.click

    def mean(self, values: Any) -> Any:
        """Over ALL impressions, a scalar: `mean(o * e)` is not the mean of e over the clicked ones."""
        return masked_mean(values, self.mask)

    def mean_clicked(self, values: Any) -> Any:
        """Over the clicked ones; 0 where there is none."""
        return masked_mean(values, self.mask * self.click)

    def mean_unclicked(self, values: Any) -> Any:
        """Over the others; 0 where there is none."""
        return masked_mean(values, self.mask * self.unclicked)

    def weighted(self, values: Any, weight: Any) -> Any:
        """Sum of weight * values over that of weights, a scalar; 0 where all weights are. float [B, 1] each.

        Weights are inverse propensities, so that their sum is 0 or at least 1.
        """
        weight = weight * self.mask
        return (weight * values).sum() / paddle.clip(weight.sum(), min=1.0)


class Method:
    """Base of the methods: losses beside those of the behaviours, and heads that they need in training.

    With o click, r conversion (known only if o = 1), t = o r, p = pCTR, q = pCVR, e = l(r, q),
    l(a, f) = -a log f - (1 - a) log(1 - f), sg(.) what is taken as given, M[.] the mean over all impressions of a
    batch, M_O[.] and M_N[.] over its clicked and un-clicked ones, a network trains M[l(o, p)] + M[l(t, p q)] and the
    terms of a method, each a named loss.

    Args:
        room: of its heads.
        weight: of all terms together.
        product: whether M[l(t, p q)], the conversion's loss over the entire space, is kept.

    Attributes:
        heads: layers that the network owns under these names, for training alone.
        weighs: whether terms are weighed with propensities of clicks; `both_sides`: and of no click.
        column: of a given propensity; None: it is pCTR.
        propensity_min: what it is raised to.
    """

    weighs, both_sides = False, False
    column: str | None = None
    propensity_min = 0.0

    def __init__(self, room: Room, weight: Weight = 1.0, product: bool = True) -> None:
        self.room = room
        self.weight, self.product = float(weight), product
        self.heads: dict[str, nn.Layer] = {}

    def say(self, seen: Seen) -> dict[str, Any]:
        """What the heads say of a batch in training, by name; each has a `value`, float [B, 1]."""
        return {}

    def terms(self, batch: Impressions) -> dict[str, Any]:
        """Scalars by name, finite also where nobody clicked."""
        raise NotImplementedError


class Weighing(Method):
    """Base of the methods that weigh clicks, and other impressions, with inverse propensities.

    Args:
        room: of its heads.
        weight: of all terms together.
        product: whether the conversion's loss over the entire space is kept.
        propensity_min: what pCTR, and 1 - pCTR, are raised to at least, so that no impression weighs more than its
            inverse.
        propensity: a column with each impression's true p(click), as simulated data have it; null: pCTR.
    """

    weighs = True

    def __init__(
        self,
        room: Room,
        weight: Weight = 1.0,
        product: bool = True,
        propensity_min: Annotated[float, Field(gt=0, lt=1)] = 0.01,
        propensity: str | None = None,
    ) -> None:
        super().__init__(room, weight, product)
        self.propensity_min, self.column = propensity_min, propensity
