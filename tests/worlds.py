"""Requests whose clicks and orders are drawn from known chances."""

from __future__ import annotations

from typing import Any

import numpy as np


def world(requests: int, size: int = 8, seed: int = 0) -> dict[str, Any]:
    """Columns of predictions: pctr is the root of p(click), so that p(click) p(order) price is pctr^2 pcvr price."""
    random, n = np.random.default_rng(seed), requests * size
    ctr, cvr = (1 / (1 + np.exp(-random.normal(-1, 1, n))) for _ in range(2))
    price = np.exp(random.normal(2, 0.7, n))
    click = (random.random(n) < ctr).astype(int)
    request = np.repeat(np.arange(requests), size)
    return {
        "sample_id": np.arange(n),
        "request_id": request,
        "day": request % 3,
        "price": price,
        "click": click,
        "conversion": click * (random.random(n) < cvr),
        "pctr": ctr**0.5,
        "pcvr": cvr,
    }
