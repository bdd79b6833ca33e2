"""The generators that model directories may draw from besides Paddle's."""

import random

import numpy as np


def seed_host(*numbers: int) -> None:
    """Seed Python's and NumPy's global generators with `numbers`, e.g. a seed and an epoch."""
    random.seed(repr(numbers))
    np.random.seed(numbers)  # the one that PaddleRec's readers draw from
