"""IdeFN: optimal transport from buyers to un-clicked impressions finds those that would have bought."""

from __future__ import annotations

from typing import Annotated, Any

import paddle
from paddle import nn
from pydantic import Field

from rec.nn.running import running
from rec.nn.unclicked.base import Carried, Impressions, Method, Room, Seen, Weight
from rec.nn.unclicked.vectors import dense

VECTORS = "impression_vectors"
"""What impressions are compared by, float [B, width]; in training only."""

_NEVER = -1e9
"""Log of nothing."""


class IdeFN(Method):
    """al M[o e] + (1 - al) M[(1 - o) l(y, q)] (Zhong W. et al., AAAI 2026); y = 1 where a transport plan brings an
    un-clicked impression more from some buyer than from the dummy.

    The plan is least in sum of C_ij pi_ij, C_ij = |z_i - z_j|^2, C = 0 for the dummy, with rows of mass ka / (number of
    buyers) each and 1 - ka for the dummy, and columns of mass 1 / (number of un-clicked impressions): proximal
    Sinkhorn, pi <- the scaling of pi exp(-C / ep). z is what the conversion's tower sees, as given. A batch has few
    buyers, so they come from a memory of the latest; `step`, `rounds`, `scalings` and `memory` are no figures of the
    paper's. Costs are divided by their mean, so that `step` does not depend on the embeddings' size.

    Args:
        clicked_share: al.
        positives: ka, the mass of the buyers, about the share of un-clicked impressions that become positive.
        memory: buyers that are remembered.
        step: ep.
        rounds: proximal steps.
        scalings: of rows and columns in each.
        weight: of both terms, ga.
        product: whether the conversion's loss over the entire space is kept; the paper leaves it out.
    """

    def __init__(
        self,
        room: Room,
        clicked_share: Annotated[float | int, Field(ge=0, le=1)] = 0.8,
        positives: Annotated[float | int, Field(ge=0, lt=1)] = 0.02,
        memory: Annotated[int, Field(gt=0)] = 64,
        step: Annotated[float | int, Field(gt=0)] = 0.1,
        rounds: Annotated[int, Field(gt=0)] = 3,
        scalings: Annotated[int, Field(gt=0)] = 10,
        weight: Weight = 30.0,
        product: bool = False,
    ) -> None:
        super().__init__(room, weight, product)
        self.share, self.positives, self.step = float(clicked_share), float(positives), float(step)
        self.rounds, self.scalings = rounds, scalings
        self.heads["buyers"] = self.buyers = Memory(memory, room.width)

    def say(self, seen: Seen) -> dict[str, Any]:
        return {VECTORS: Carried(dense(seen.x).detach())}

    def terms(self, batch: Impressions) -> dict[str, Any]:
        z, others = batch.told[VECTORS].vectors, batch.mask * batch.unclicked
        self.buyers.remember(z, batch.mask * batch.conversion)
        found = plan(
            self.buyers.vectors, self.buyers.known, z, others, self.positives, self.step, self.rounds, self.scalings
        )
        label = positive(found) * others
        return {
            "cvr_clicks": self.share * batch.mean(batch.click * batch.q.loss(batch.conversion)),
            "cvr_found": (1.0 - self.share) * batch.mean(batch.unclicked * batch.q.loss(label)),
        }


class Memory(nn.Layer):
    """The latest rows of a kind.

    Attributes:
        vectors: float [size, width].
        known: 1 where there is one, float [size, 1].
    """

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.size = size
        self.vectors, self.known = running(self, [size, width], 0.0), running(self, [size, 1], 0.0)

    def remember(self, z: Any, kind: Any) -> None:
        """Take in the rows of z, float [B, width], whose kind, float [B, 1], is 1; the oldest leave."""
        both, known = paddle.concat([z, self.vectors]), paddle.concat([kind, self.known])
        # New ones first, then those in memory in their order; what is neither comes last.
        count = paddle.cumsum(known, axis=0)
        rank = known * (1e6 - count)
        _, rows = paddle.topk(rank.reshape([-1]), self.size)
        paddle.assign(paddle.gather(both, rows).detach(), self.vectors)
        paddle.assign(paddle.gather(known, rows).detach(), self.known)


def plan(buyers: Any, known: Any, z: Any, others: Any, mass: float, step: float, rounds: int, scalings: int) -> Any:
    """Log of a transport plan, float [K + 1, B]; the last row is the dummy's.

    Args:
        buyers, known: float [K, width], and 1 where there is one, [K, 1].
        z, others: float [B, width], and 1 for an impression that is a column, [B, 1].
        mass: of all buyers; where there is none, the dummy's is 1.
    """
    cost = (buyers**2).sum(axis=1, keepdim=True) + (z**2).sum(axis=1).unsqueeze(0) - 2.0 * buyers @ z.t()
    cost = paddle.clip(cost, min=0.0) * known
    pairs = known @ others.t()
    cost = cost / paddle.clip((cost * pairs).sum() / paddle.clip(pairs.sum(), min=1.0), min=1e-12)
    cost = paddle.concat([cost, paddle.zeros_like(cost[:1])])
    number = known.sum()
    share = mass * (number > 0).astype("float32")
    rows = paddle.concat([known * share / paddle.clip(number, min=1.0), (1.0 - share).reshape([1, 1])])
    columns = (others / paddle.clip(others.sum(), min=1.0)).t()
    log_rows, log_columns = _log(rows), _log(columns)
    found = log_rows + log_columns
    for _ in range(rounds):
        found = found - cost / step
        for _ in range(scalings):
            found = found + log_rows - paddle.logsumexp(found, axis=1, keepdim=True)
            found = found + log_columns - paddle.logsumexp(found, axis=0, keepdim=True)
    return found


def positive(found: Any) -> Any:
    """1 where a column's largest entry is a buyer's, float [B, 1]."""
    return (found[:-1].max(axis=0) > found[-1]).astype("float32").unsqueeze(1)


def _log(mass: Any) -> Any:
    return paddle.where(mass > 0, paddle.log(paddle.clip(mass, min=1e-30)), paddle.full_like(mass, _NEVER))
