"""UKD: a click-adversarial teacher labels un-clicked impressions, and a student distrusts labels that it is torn by."""

from __future__ import annotations

from typing import Annotated, Any

import paddle
from pydantic import Field

from rec.nn.between import Between
from rec.nn.hidden import Hidden
from rec.nn.layers import MLP, Linear
from rec.nn.probability import Probability
from rec.nn.unclicked.base import Impressions, Method, Room, Seen, Weight
from rec.nn.unclicked.vectors import given, reversed_gradient

TEACHER, CLICK, SECOND = "teacher_conversion", "teacher_click", "second_conversion"
"""What the teacher and its discriminator say, and the student's second head q'; in training only."""


class UKD(Method):
    """M[o e] + a M[(1 - o) (sg(exp(-b KL)) l(sg(qT), q) + KL)], KL = KL(q || q') over (q, 1 - q) (Xu Z. et al., WWW
    2022); and for the teacher M_O[l(r, qT)] + M[l(o, D(h))], h its last hidden layer, whose gradient from the
    discriminator D is turned round: what the teacher knows must not tell who clicked.

    q' is a second head on what the conversion's tower sees, with a dropout of its own. The teacher sees the embeddings
    as given and is trained beside the student, where the paper trains it before.

    Args:
        distill_weight: a.
        trust: b.
        head_dropout: of the second head.
    """

    def __init__(
        self,
        room: Room,
        distill_weight: Weight = 1.0,
        trust: Weight = 1.0,
        head_dropout: Annotated[float | int, Field(ge=0, lt=1)] = 0.2,
        weight: Weight = 1.0,
        product: bool = False,
    ) -> None:
        super().__init__(room, weight, product)
        self.distill_weight, self.trust = float(distill_weight), float(trust)
        between = Between(head_dropout)
        sizes = room.sizes or (room.width,)
        self.heads["second"] = MLP(room.width, room.sizes, between)
        self.heads["teacher_bottom"] = Hidden(room.width, sizes)
        self.heads["teacher"] = Linear(sizes[-1], 1)
        self.heads["discriminator"] = MLP(sizes[-1], sizes[-1:])

    def say(self, seen: Seen) -> dict[str, Any]:
        hidden = self.heads["teacher_bottom"](given(seen.x))
        return {
            TEACHER: Probability(self.heads["teacher"](hidden)),
            CLICK: Probability(self.heads["discriminator"](reversed_gradient(hidden))),
            SECOND: Probability(self.heads["second"](seen.x)),
        }

    def terms(self, batch: Impressions) -> dict[str, Any]:
        q, teacher = batch.q, batch.told[TEACHER]
        apart = divergence(q, batch.told[SECOND])
        trusted = paddle.exp(-self.trust * apart.detach()) * q.soft_loss(teacher.value.detach())
        return {
            "cvr_clicks": batch.mean(batch.click * q.loss(batch.conversion)),
            "cvr_distilled": self.distill_weight * batch.mean(batch.unclicked * (trusted + apart)),
            "cvr_teacher": batch.mean_clicked(teacher.loss(batch.conversion)),
            "discriminator": batch.mean(batch.told[CLICK].loss(batch.click)),
        }


def divergence(q: Probability, other: Probability) -> Any:
    """KL(q || q') over (q, 1 - q), float [B, 1]."""
    value = q.value
    return value * (q.log_p - other.log_p) + (1.0 - value) * (q.log_not_p - other.log_not_p)
