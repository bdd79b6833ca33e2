"""Predictions for all impressions from a network that is trained on a share of those without a click.

Where negatives are kept with rate r, the odds of a click among what is kept are 1 / r times the true ones (He et al.,
ADKDD 2014, section 6.3): logit p = logit p' + log r. In training a click's logit has log r taken from it, so that the
loss is of p', which is what the sampled impressions show; nothing is added later, so that a checkpoint's weights mean
the same whether it was trained with or without sampling. What follows a click is as likely as it was, so that products
are right on either side.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, TypeAlias

from pydantic import Field

NegativeRate: TypeAlias = Annotated[float, Field(gt=0, lt=1)] | None
"""r; None: all impressions are trained on."""


def first_bias(rate: NegativeRate) -> float:
    """The bias that a click's logit starts with: among what is kept the chance is then 1/2, as without sampling."""
    return math.log(rate) if rate else 0.0


def among_kept(logit: Any, rate: NegativeRate) -> Any:
    """The logit of p', float [B, 1], from that of p."""
    return logit - math.log(rate) if rate else logit
