"""The place of texts in a list of known ones, looked up by their hash: the list may have millions, built once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import numpy as np
import pyarrow as pa

from rec.kernels import strings as kernels
from rec.numeric import Array


class Lookup:
    """Finds texts among known ones, which are all different.

    Two known texts never share a hash, a seed sees to that; an unknown one has that of one of n known ones with
    probability n / 2^64.
    """

    def __init__(self, known: Sequence[str]) -> None:
        texts = pa.array(known, pa.large_string())
        for self._seed in count():
            self._hashes = self._hashed(texts)
            self._slots = np.full(max(16, 1 << (2 * len(known)).bit_length()), -1, np.int32)
            if kernels.insert(self._hashes, self._slots):
                return

    def find(self, texts: pa.Array) -> Array:
        """int32 [n], the place of each text (no nulls) among the known ones, or -1."""
        found = np.empty(len(texts), np.int32)
        kernels.find(self._hashed(texts), self._hashes, self._slots, found)
        return found

    def _hashed(self, texts: pa.Array) -> Array:
        return text_hashes(texts, self._seed)


def text_hashes(texts: pa.Array, seed: int = 0) -> Array:
    """uint64 [n], a hash of each text (no nulls), which is the same on every machine."""
    _, offsets, data = texts.buffers()
    hashes = np.empty(len(texts), np.uint64)
    if not len(texts):
        return hashes
    kind = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    ends = np.frombuffer(offsets, kind)[texts.offset : texts.offset + len(texts) + 1]
    letters = np.frombuffer(data, np.uint8) if data else np.empty(0, np.uint8)
    kernels.hash_texts(letters, ends, seed, hashes)
    return hashes
