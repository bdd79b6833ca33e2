"""Inner loops of the line-format parser; `rec.data.parse` wraps them."""

import numba
import numpy as np

from rec.kernels.words import U, first, keep, load, not_digits, number, zeros

COMMA, COLON, ZERO, SPACE = 44, 58, 48, 32
OK, NO_LABEL, BAD_LABEL, NO_COLON, BAD_ID, ID_TOO_LARGE = range(6)
NO_VALUE = -1
"""A label column that is empty."""

_COMMAS, _COLONS = U(0x2C2C2C2C2C2C2C2C), U(0x3A3A3A3A3A3A3A3A)
_MIX = U(0x9E3779B97F4A7C15)
_MOST_DIGITS = 18
"""What an int64 surely holds."""

_HASHED_DIGITS = 20
"""Those of the largest uint64; of larger numbers the hash has the remainder by 2^64."""


@numba.njit(nogil=True, cache=True)
def mix(value, word):
    """A hash of some words and one more."""
    value = (value ^ word) * _MIX
    return value ^ (value >> U(32))


@numba.njit(nogil=True, cache=True)
def name_hash(text, start, stop):
    """The hash of the name text[start:stop]: of its words, the last filled up with zeros."""
    value = U(0)
    while stop - start >= 8:
        value = mix(value, load(text, start))
        start += 8
    return mix(value, keep(load(text, start), stop - start))


@numba.njit(nogil=True, cache=True)
def field_of(value, text, start, stop, slots, hashes, names, bounds):
    """Index of the field called text[start:stop], whose hash is `value`, or -1."""
    slot = np.int64(value) & (len(slots) - 1)
    while slots[slot] >= 0:
        field = slots[slot]
        if hashes[field] == value and bounds[field + 1] - bounds[field] == stop - start:
            a, b = bounds[field], start
            while stop - b >= 8 and load(names, a) == load(text, b):
                a += 8
                b += 8
            if stop - b < 8 and keep(load(names, a) ^ load(text, b), stop - b) == 0:
                return field
        slot = (slot + 1) & (len(slots) - 1)
    return -1


@numba.njit(nogil=True, cache=True)
def hashed_id(field, token, num_id):
    """What an id of any size becomes, by its field's hash and its own."""
    return np.int64(mix(mix(field, token), U(0)) % num_id)


@numba.njit(nogil=True, cache=True)
def hash_ids(field, tokens, num_id):
    """The same of uint64 [T] ids of one field: int32 [T]."""
    found = np.empty(len(tokens), np.int32)
    for place in range(len(tokens)):
        found[place] = hashed_id(field, tokens[place], num_id)
    return found


@numba.njit(nogil=True, cache=True)
def scan(text, starts, slots, hashes, names, bounds, num_id, max_len, labels, id_ends, bags, ids, offsets, hashed):
    """Fill labels, id_ends, and (bag, id) of each token; count tokens per bag into offsets[1:].

    `hashed`: ids of 64 bits, each of which becomes one below `num_id` by its hash and its field's.

    Both texts go on for a word behind what is read.
    """
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
            value, word = U(0), load(text, at)
            marks = zeros(word ^ _COLONS) | zeros(word ^ _COMMAS)
            while marks == 0 and at + 8 < end:
                value = mix(value, word)
                at += 8
                word = load(text, at)
                marks = zeros(word ^ _COLONS) | zeros(word ^ _COMMAS)
            count = first(marks)
            if at + count >= end or text[at + count] == COMMA:
                return found, unlisted, NO_COLON, line, begin
            value = mix(value, keep(word, count))
            at += count
            field = field_of(value, text, begin, at, slots, hashes, names, bounds)
            at += 1  # the colon
            token, digits = np.int64(0), at
            while True:
                word = load(text, at)
                marks = not_digits(word)
                count = min(first(marks), end - at)
                if at + count - digits > (_HASHED_DIGITS if hashed else _MOST_DIGITS):
                    return found, unlisted, BAD_ID, line, begin
                if count < 8:
                    break
                token = token * 100_000_000 + number(word, 8)
                at += 8
            if at > digits:
                for _ in range(count):
                    token *= 10
            if count > 0:
                token += number(word, count)
            at += count
            if at == digits or (at < end and text[at] != COMMA):
                return found, unlisted, BAD_ID, line, begin
            if field < 0:
                unlisted += 1
                continue
            if hashed:
                token = hashed_id(hashes[field], U(token), U(num_id))
            elif token >= num_id:
                return found, unlisted, ID_TOO_LARGE, line, begin
            bag = line * num_field + field
            if max_len > 0 and offsets[bag + 1] >= max_len:
                continue
            bags[found], ids[found] = bag, token
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


@numba.njit(nogil=True, cache=True)
def label_column(text, starts, column, values):
    """Fill `values`, float32 [N], with the label of each line, behind comma number `column`: NaN where it is empty.

    Of anything but 0 it is 1.
    """
    for line in range(len(starts) - 1):
        at, end, commas = starts[line], starts[line + 1], 0
        while at < end and commas < column:
            commas += text[at] == COMMA
            at += 1
        if at >= end or text[at] == COMMA or text[at] == 10 or text[at] == 13:
            values[line] = np.nan
        else:
            values[line] = 0.0 if text[at] == ZERO else 1.0
