"""Inner loops of `rec.data.lookup`: texts in Arrow's form, found by a hash of their bytes."""

import numba
import numpy as np

from rec.kernels.lines import mix
from rec.kernels.words import SIZE, U, load


@numba.njit(nogil=True, cache=True)
def hash_texts(data, offsets, seed, out):
    """A 64-bit hash of each text data[offsets[i]:offsets[i + 1]]."""
    for i in range(len(offsets) - 1):
        at, stop = offsets[i], offsets[i + 1]
        value = mix(U(seed), U(stop - at))
        while at + SIZE <= stop:
            value = mix(value, load(data, at))
            at += SIZE
        word = U(0)
        for k in range(stop - at):
            word |= U(data[at + k]) << U(8 * k)
        out[i] = mix(mix(value, word), U(0))


@numba.njit(nogil=True, cache=True)
def insert(hashes, slots):
    """Put the index of each hash into `slots`, -1 where there is none; False if two hashes are the same."""
    for i in range(len(hashes)):
        slot = np.int64(hashes[i]) & (len(slots) - 1)
        while slots[slot] >= 0:
            if hashes[slots[slot]] == hashes[i]:
                return False
            slot = (slot + 1) & (len(slots) - 1)
        slots[slot] = i
    return True


@numba.njit(nogil=True, cache=True)
def find(hashes, known, slots, out):
    """The index of each hash among the known ones, or -1."""
    for i in range(len(hashes)):
        slot = np.int64(hashes[i]) & (len(slots) - 1)
        found = -1
        while slots[slot] >= 0:
            if known[slots[slot]] == hashes[i]:
                found = slots[slot]
                break
            slot = (slot + 1) & (len(slots) - 1)
        out[i] = found
