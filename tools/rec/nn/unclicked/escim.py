"""ESCIM: what would have been bought had it been clicked, by a structural model of what the clicks were made of."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import paddle
from pydantic import Field

from rec.nn.between import ones_column
from rec.nn.hidden import Hidden
from rec.nn.layers import MLP, Linear
from rec.nn.probability import Probability
from rec.nn.unclicked.base import Carried, Impressions, Room, Seen, Weighing, Weight
from rec.nn.unclicked.vectors import dense

VECTORS, NOISE = "impression_vectors", "impression_noise"
"""What an impression is, float [B, width], and standard normal numbers, [B, latent]; in training only."""


class ESCIM(Weighing):
    """M[o e / p^] + c M_N[l(y, q) / p^] (Ahn and Lee, ICDM 2025), y = 1 for un-clicked impressions that a structural
    model would see bought.

    Abduction: an autoencoder of [x, o, r] tells of a clicked impression a normal latent z of mean mu and deviation s,
    M_O[|[x, o, r] - D(z)|^2 + be KL(z || N(0, 1))]. Action and prediction: the generator g(x, z), trained by
    M_O[l(r, g)] with z ~ N(0, 1), says k = g(x, z) of each impression with z ~ N(mean of mu, mean of s) over the
    batch's clicks. `max`: y = 1 where k is at least that of the batch's surest buyer, and 0 where it has none;
    `ratio`: for the first n of the batch, n = conversions * floor(impressions / clicks). Clicked impressions are then
    left out. x is what the conversion's tower sees, as given; all but q is taken as given in l(y, q).

    The authors train autoencoder and generator before the rest, for epochs, and freeze them; here they are trained
    beside it. Their generator is also given o, which is 1 for all that it is trained on, and z has five numbers for
    each field. They let p^ pass its gradient, which lets a model lower this loss by promising clicks: here it is
    detached. Their c over the weight of the first term is .001.

    Args:
        label_weight: c.
        labels: which un-clicked impressions are bought.
        latent: numbers in z.
        spread_weight: be.
        weight: of all terms; .1 is theirs.
        propensity_min: what pCTR is raised to at least.
    """

    def __init__(
        self,
        room: Room,
        label_weight: Weight = 0.001,
        labels: Literal["max", "ratio"] = "max",
        latent: Annotated[int, Field(gt=0)] = 5,
        spread_weight: Weight = 0.5,
        weight: Weight = 0.1,
        propensity_min: Annotated[float, Field(gt=0, lt=1)] = 0.05,
        **settings: Any,
    ) -> None:
        super().__init__(room, weight, propensity_min=propensity_min, **settings)
        self.label_weight, self.labels, self.latent = float(label_weight), labels, latent
        self.spread_weight, sizes = float(spread_weight), room.sizes or (room.width,)
        self.heads["encoder"] = Hidden(room.width + 2, sizes)
        self.heads["latent"] = Linear(sizes[-1], 2 * latent)
        self.heads["decoder"] = MLP(latent, sizes[::-1], out_features=room.width + 2)
        self.heads["generator"] = MLP(room.width + latent, room.sizes)

    def say(self, seen: Seen) -> dict[str, Any]:
        x = dense(seen.x).detach()
        zeros = paddle.matmul(ones_column(x), paddle.zeros([1, self.latent]))
        return {VECTORS: Carried(x), NOISE: Carried(paddle.normal(zeros, zeros + 1.0))}

    def terms(self, batch: Impressions) -> dict[str, Any]:
        x, noise = batch.told[VECTORS].vectors, batch.told[NOISE].vectors
        whole = paddle.concat([x, batch.click, batch.conversion], axis=1)
        mean, log_spread = paddle.split(self.heads["latent"](self.heads["encoder"](whole)), 2, axis=1)
        spread = paddle.exp(log_spread)
        errors = ((self.heads["decoder"](mean + spread * noise) - whole) ** 2).sum(axis=1, keepdim=True)
        apart = 0.5 * (mean**2 + spread**2 - 1.0 - 2.0 * log_spread).sum(axis=1, keepdim=True)
        usual = batch.mean_clicked(mean.detach()), batch.mean_clicked(spread.detach())
        k = self._generated(x, usual[0] + usual[1] * noise).value.detach()
        label = bought(k, batch, self.labels) * batch.unclicked
        return {
            "cvr_ips": batch.mean(batch.click * batch.q.loss(batch.conversion) / batch.propensity),
            "cvr_imagined": self.label_weight * batch.mean_unclicked(batch.q.loss(label) / batch.propensity),
            "generator": batch.mean_clicked(self._generated(x, noise).loss(batch.conversion)),
            "autoencoder": batch.mean_clicked(errors + self.spread_weight * apart),
        }

    def _generated(self, x: Any, z: Any) -> Probability:
        return Probability(self.heads["generator"](paddle.concat([x, z], axis=1)))


def bought(k: Any, batch: Impressions, labels: str) -> Any:
    """1 for the impressions that k, float [B, 1], takes for bought, clicked ones among them; float [B, 1]."""
    if labels == "max":
        buyers = batch.mask * batch.conversion
        surest = paddle.where(buyers > 0, k, paddle.full_like(k, -1.0)).max()
        return ((k >= surest) & (surest >= 0.0)).astype("float32") * batch.mask
    clicks, rows = (batch.mask * batch.click).sum(), batch.mask.sum()
    number = (batch.mask * batch.conversion).sum() * paddle.floor(rows / paddle.clip(clicks, min=1.0))
    order = paddle.argsort(paddle.where(batch.mask > 0, k, paddle.full_like(k, -1.0)), axis=0, descending=True)
    return (paddle.argsort(order, axis=0).astype("float32") < number).astype("float32") * batch.mask
