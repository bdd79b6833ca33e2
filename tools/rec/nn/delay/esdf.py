"""ESDF: the entire space and the delay together (Wang Yanshi et al., AAAI 2021, arXiv 2011.11826)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import paddle
from paddle.nn import functional

from rec.nn.delay.method import CLICKED, DELAY, ELAPSED, FINAL, WINDOW, Method
from rec.nn.probability import Probability, log_sum

CLICK = "click"
ENDS = (1 / 64, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
"""Where intervals of the delay end, as shares of the attribution window; the first one begins at 0."""
DELAYS = tuple(f"delay_{number}" for number in range(len(ENDS)))
_LEAST = 1e-12


class ESDF(Method):
    """-log(1 - p) where nobody clicked; -log p - log f - log g_h where a conversion has come after a delay h;
    -log p - log(1 - f + f S(el)) where none has come in el days.

    p = P(click), g a softmax over intervals of the delay, g_h that of h's interval, S(el) = P(h > el): the intervals
    after el, and of its own the share that is left. Days are the paper's intervals, for a log that comes day by day;
    here they are shorter where the delay is, as a log comes hour by hour. The likelihood's own gradient: it has the
    fixed points of the paper's expectation and maximisation. p is independent of f and g but for what towers share:
    it brings the embeddings what impressions without a click say of them.
    """

    towers = (FINAL, CLICK, *DELAYS)
    columns = (CLICKED, ELAPSED, DELAY, WINDOW)

    def loss(self, towers: Mapping[str, Any], v: Any, given: Mapping[str, Any]) -> Any:
        f, p, clicked = self.served(towers), Probability(towers[CLICK]), given[CLICKED]
        log_g = functional.log_softmax(paddle.concat([towers[name] for name in DELAYS], axis=1), axis=1)
        ends = paddle.to_tensor([ENDS], log_g.dtype)
        begins = paddle.to_tensor([(0.0, *ENDS[:-1])], log_g.dtype)
        delay, elapsed = (given[name] / given[WINDOW] for name in (DELAY, ELAPSED))
        within = ((delay > begins) | (begins == 0.0)) & ((delay <= ends) | (ends == 1.0))
        bought = -f.log_p - (log_g * within.astype(log_g.dtype)).sum(axis=1, keepdim=True)
        left = paddle.clip((ends - elapsed) / (ends - begins), 0.0, 1.0)
        later = paddle.log(paddle.clip((paddle.exp(log_g) * left).sum(axis=1, keepdim=True), _LEAST, 1.0))
        not_yet = -log_sum([f.log_not_p, f.log_p + later])
        return clicked * (-p.log_p + v * bought + (1.0 - v) * not_yet) - (1.0 - clicked) * p.log_not_p
