"""Print this machine's GFLOPS in [1024, 276] x [276, 512], float32: the better of Paddle's and NumPy's product."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = str(len(os.sched_getaffinity(0)))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from rec import cli

cli.import_paddle()

import numpy as np  # noqa: E402 - with the environment that the tools give it
import paddle  # noqa: E402


def rate(product: Callable[[], Any]) -> float:
    """GFLOPS of the fastest of 200."""
    fastest = float("inf")
    for _ in range(200):
        begun = time.perf_counter()
        product()
        fastest = min(fastest, time.perf_counter() - begun)
    return 2 * 1024 * 276 * 512 / fastest / 1e9


if __name__ == "__main__":
    a, b = (np.random.default_rng(0).standard_normal(shape, np.float32) for shape in ((1024, 276), (276, 512)))
    left, right = paddle.to_tensor(a), paddle.to_tensor(b)
    print(max(rate(lambda: a @ b), rate(lambda: paddle.matmul(left, right))))
