"""EVI: a teacher that knows pCTR labels un-clicked impressions, and its layers are distilled."""

from __future__ import annotations

from typing import Annotated, Any

import paddle
from paddle import nn
from paddle.nn import functional as F  # noqa: N812 - the field's name for it
from pydantic import Field

from rec.nn.layers import MLP, Linear
from rec.nn.probability import Probability
from rec.nn.unclicked.base import Carried, Impressions, Room, Seen, Weighing, Weight
from rec.nn.unclicked.vectors import dense, layers_of

TEACHER, DISTANCE = "teacher_conversion", "teacher_distance"
"""The teacher's output, and the distance of the layers, float [B, 1]; in training only."""

_PLACES = 5
"""Numbers that a teacher sees pCTR as."""
_LAYERS = 2
"""Of a tower, from the top, that are distilled."""


class EVI(Weighing):
    """M[o e / p^ + (1 - o) l(sg(qT), q) / (1 - p^)] + a M[l(t, qT)] + b V (Fei K. et al., AAAI 2025).

    p^ = sg(p). The teacher qT is a tower on the outer product of what the conversion's tower sees with a linear map of
    sg(p) to 5 numbers. V = sum over the last two hidden layers of mean[log v + (hT - W h)^2 / v] / 2, with v =
    softplus(c) + .001 by unit, c learned from 5. Nothing of V is detached, as in the authors' code, in which v is
    constant; a and b are by default its .2 and .8 over the .5 of the first term. The teacher's label is 0 on every
    un-clicked impression, so that its pseudo-labels are near p q, not q.

    Args:
        teacher_weight: a.
        transfer_weight: b.
        propensity_min: what pCTR, and 1 - pCTR, are raised to at least.
    """

    both_sides = True

    def __init__(
        self,
        room: Room,
        teacher_weight: Weight = 0.4,
        transfer_weight: Weight = 1.6,
        propensity_min: Annotated[float, Field(gt=0, lt=1)] = 0.001,
        **settings: Any,
    ) -> None:
        super().__init__(room, propensity_min=propensity_min, **settings)
        self.teacher_weight, self.transfer_weight = float(teacher_weight), float(transfer_weight)
        self.heads["teacher"] = MLP(room.width * _PLACES, room.sizes)
        self.heads["places"] = Linear(1, _PLACES)
        self.heads["transfer"] = nn.LayerList([Transfer(units) for units in room.sizes[-_LAYERS:]])

    def say(self, seen: Seen) -> dict[str, Any]:
        x, places = dense(seen.x), self.heads["places"](seen.p.value.detach())
        outer = paddle.concat([x * places[:, i : i + 1] for i in range(_PLACES)], axis=1)
        teacher: Any = self.heads["teacher"]
        student: Any = seen.tower
        *above, logit = layers_of(teacher, outer)
        *own, _ = layers_of(student, seen.x)
        distance = paddle.zeros_like(logit)
        for transfer, h_teacher, h in zip(self.heads["transfer"], above[-_LAYERS:], own[-_LAYERS:], strict=True):
            distance = distance + transfer(h_teacher, h)
        return {TEACHER: Probability(logit), DISTANCE: Carried(distance)}

    def terms(self, batch: Impressions) -> dict[str, Any]:
        teacher = batch.told[TEACHER]
        clicked = batch.click * batch.q.loss(batch.conversion) / batch.propensity
        others = batch.unclicked * batch.q.soft_loss(teacher.value.detach()) / batch.otherwise
        return {
            "cvr_evi": batch.mean(clicked + others),
            "cvr_teacher": self.teacher_weight * batch.mean(teacher.loss(batch.conversion)),
            "cvr_transfer": self.transfer_weight * batch.mean(batch.told[DISTANCE].vectors),
        }


class Transfer(nn.Layer):
    """mean over units of [log v + (hT - W h)^2 / v] / 2, float [B, 1], from layers float [B, units] (variational
    information distillation, Ahn S. et al., CVPR 2019).
    """

    def __init__(self, units: int) -> None:
        super().__init__()
        self.map = Linear(units, units)
        self.spread = self.create_parameter([1, units], default_initializer=nn.initializer.Constant(5.0))

    def forward(self, teacher: Any, student: Any) -> Any:
        variance = F.softplus(self.spread) + 1e-3
        return 0.5 * (paddle.log(variance) + (teacher - self.map(student)) ** 2 / variance).mean(axis=1, keepdim=True)
