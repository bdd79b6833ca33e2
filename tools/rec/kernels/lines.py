"""Inner loops of the line-format parser; `rec.data.parse` wraps them."""

import numba
import numpy as np

COMMA, COLON, ZERO, NINE, SPACE = 44, 58, 48, 57, 32
OK, NO_LABEL, BAD_LABEL, NO_COLON, BAD_ID, ID_TOO_LARGE = range(6)
NO_VALUE = -1
"""A label column that is empty."""


@numba.njit(nogil=True, cache=True)
def fnv1a(text, start, stop):
    """32-bit FNV-1a hash of text[start:stop], as a non-negative int64."""
    value = np.int64(2166136261)
    for i in range(start, stop):
        value = ((value ^ np.int64(text[i])) * np.int64(16777619)) & np.int64(0xFFFFFFFF)
    return value


@numba.njit(nogil=True, cache=True)
def find(text, start, stop, slots, names, bounds):
    """Index of the field called text[start:stop], or -1."""
    slot = fnv1a(text, start, stop) & (len(slots) - 1)
    while slots[slot] >= 0:
        field = slots[slot]
        begin, length = bounds[field], bounds[field + 1] - bounds[field]
        if length == stop - start:
            same = True
            for i in range(length):
                if names[begin + i] != text[start + i]:
                    same = False
                    break
            if same:
                return field
        slot = (slot + 1) & (len(slots) - 1)
    return -1


@numba.njit(nogil=True, cache=True)
def scan(text, starts, slots, names, bounds, num_id, max_len, labels, id_ends, bags, ids, offsets):
    """Fill labels, id_ends, and (bag, id) of each token; count tokens per bag into offsets[1:]."""
    num_field, num_label = len(bounds) - 1, labels.shape[1]
    found, unlisted = 0, 0
    for line in range(len(starts) - 1):
        at, end = starts[line], starts[line + 1]
        while end > at and text[end - 1] <= SPACE:
            end -= 1
        while at < end and text[at] != COMMA:
            at += 1
        id_ends[line] = at
        for column in range(num_label):
            if at >= end:
                return found, unlisted, NO_LABEL, line, at
            at += 1  # the comma
            begin = at
            while at < end and text[at] != COMMA:
                at += 1
            if at == begin:
                labels[line, column] = NO_VALUE
            elif at == begin + 1 and (text[begin] == ZERO or text[begin] == ZERO + 1):
                labels[line, column] = text[begin] - ZERO
            else:
                return found, unlisted, BAD_LABEL, line, begin
        while at < end:
            at += 1  # the comma
            begin = at
            while at < end and text[at] != COLON and text[at] != COMMA:
                at += 1
            if at >= end or text[at] == COMMA:
                return found, unlisted, NO_COLON, line, begin
            field = find(text, begin, at, slots, names, bounds)
            at += 1  # the colon
            value, digits = np.int64(0), at
            while at < end and text[at] != COMMA:
                if text[at] < ZERO or text[at] > NINE or at - digits > 17:
                    return found, unlisted, BAD_ID, line, begin
                value = value * 10 + (text[at] - ZERO)
                at += 1
            if at == digits:
                return found, unlisted, BAD_ID, line, begin
            if field < 0:
                unlisted += 1
                continue
            if value >= num_id:
                return found, unlisted, ID_TOO_LARGE, line, begin
            bag = line * num_field + field
            if max_len > 0 and offsets[bag + 1] >= max_len:
                continue
            bags[found], ids[found] = bag, value
            offsets[bag + 1] += 1
            found += 1
    return found, unlisted, OK, 0, 0


@numba.njit(nogil=True, cache=True)
def group(bags, ids, offsets):
    """Tokens in bag order; turns the counts in offsets[1:] into bounds."""
    for bag in range(1, len(offsets)):
        offsets[bag] += offsets[bag - 1]
    place = offsets[:-1].copy()
    grouped = np.empty_like(ids)
    for i in range(len(ids)):
        grouped[place[bags[i]]] = ids[i]
        place[bags[i]] += 1
    return grouped
