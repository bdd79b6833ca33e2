"""A table's rare values taken for unknown ones now and then in training, so that what is new has a trained vector.

Without it no step moves the row of the unknown id where each value of the training data is known, and what is new in
test data gets a random initial vector, which the network has never met.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rec.data.plan import ReadPlan
from rec.data.ragged import Ragged
from rec.data.vocabulary import Vocabulary
from rec.hashing import mix, uniform
from rec.numeric import Array


class UnknownReplacement:
    """Replaces a token by its field's unknown id with probability strength / (strength + count of its value).

    Kiperwasser and Goldberg's word dropout (2016, section 4.2): rare values stand for new ones, each value about
    equally often, and a frequent one keeps nearly all of its rows. Whether a token is replaced is a function of seed,
    epoch, row and its place in the row: the same after resume and for any number of reader processes. Buckets and
    hashed ids, which know every value, stay as they are.

    Args:
        counts: int [num_id], how often each id occurs in the training rows.
        vocabulary: that the ids are of.
        strength: the probability's numerator, above 0.
    """

    def __init__(self, counts: Array, vocabulary: Vocabulary, strength: float) -> None:
        self._chance = np.zeros(vocabulary.num_id)
        self._unknown = np.arange(vocabulary.num_id, dtype=np.int32)
        for name, known in vocabulary.values.items():
            if known is None or name in vocabulary.edges or name in vocabulary.shares:
                continue
            first = vocabulary.offset(name)
            own = slice(first, first + 1 + len(known))
            self._chance[own] = strength / (strength + counts[own])
            self._unknown[own] = first

    def __call__(self, taken: Ragged, rows: Array, plan: ReadPlan) -> Ragged:
        """The tokens of `rows` (int64 [N], as numbered in the table), some of them replaced."""
        lengths = np.diff(taken.offsets[:: taken.num_field])
        places = np.arange(len(taken.ids)) - np.repeat(taken.offsets[: -1 : taken.num_field], lengths)
        digest = mix(np.repeat(mix(rows), lengths) + places.astype(np.uint64))
        drawn = uniform(digest, plan.seed, plan.epoch)
        ids = np.where(drawn < self._chance[taken.ids], self._unknown[taken.ids], taken.ids)
        return replace(taken, ids=ids)
