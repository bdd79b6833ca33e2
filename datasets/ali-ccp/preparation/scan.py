"""The raw format's grammar, compiled: bytes to numbers without the interpreter lock.

A row is ``sample_id,click,conversion,common_feature_index,feature_num,feature_list`` (skeleton) or
``common_feature_index,feature_num,feature_list`` (common features); a feature_list is tokens joined by ``\\x01``, a
token ``field \\x02 id \\x03 value``. Every scanner takes the text and a position and gives the position after what it
read, or BAD; the text ends with a newline, which no scanner but a row's last passes, so none runs off its end.

All compiled functions stand in this one file: numba's cache does not notice a change in another.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

ID_LIMIT = 1 << 26
"""Original ids lie below this (the release's highest is 10,091,378): tables are indexed by them."""
TOKEN_LIMIT = 65_535
"""Tokens that a row may hold (the release's longest has 2,706): lengths are uint16."""

NAME_SLOTS = 64
"""Size of the hash table of field names."""
BAD = -1
NEWLINE, RETURN, COMMA, DOT, PLUS, MINUS, ZERO, NINE = 10, 13, 44, 46, 43, 45, 48, 57
NEXT_TOKEN, ID_FOLLOWS, VALUE_FOLLOWS = 1, 2, 3
FLOAT32_END = 3.4028235677973366e38
"""From here on a number rounds to infinity in float32."""
ONE = int(np.float32(1).view(np.int32))
TENS = 10.0 ** np.arange(23)


class Rows(NamedTuple):
    """Parsed rows; a row's tokens are sorted by field and, within a field, in the order they stood in."""

    number: np.ndarray
    """int64 [rows]: sample id of an exposure; user id (field 101) of a common row, -1 where it has none."""
    label: np.ndarray
    """uint8 [rows]: click + 2 * conversion; 0 for common rows."""
    key: np.ndarray
    """uint64 [rows]: common_feature_index."""
    line: np.ndarray
    """int64 [rows]: the row's line, from 0."""
    digest: np.ndarray
    """uint64 [rows]: hash of labels, key and tokens; the order of the tokens does not count."""
    lengths: np.ndarray
    """uint16 [rows, fields]: tokens per field."""
    tokens: np.ndarray
    """int32 [tokens, 2]: original id, bits of the float32 value."""
    seen: np.ndarray
    """int64 [fields, 2]: highest id (-1 for none), number of tokens whose value is not 1."""
    bad: np.ndarray
    """int64 [bad lines, 3]: line from 0, first byte and end of each line that is no row."""


@njit(nogil=True, cache=True, error_model="numpy")
def count(text: np.ndarray) -> tuple[int, int]:
    """Lines in uint8 [bytes], and an upper bound of their tokens."""
    lines = tokens = 0
    for byte in text:
        lines += byte == NEWLINE
        tokens += byte == ID_FOLLOWS
    return lines, tokens


@njit(nogil=True, cache=True, error_model="numpy")
def _integer(text: np.ndarray, at: int) -> tuple[int, int]:
    """A non-negative integer of at most 18 digits."""
    start, value = at, 0
    while ZERO <= text[at] <= NINE:
        value = value * 10 + (text[at] - ZERO)
        at += 1
    return value, at if start < at <= start + 18 else BAD


@njit(nogil=True, cache=True, error_model="numpy")
def _number(text: np.ndarray, at: int) -> tuple[float, int]:
    """A decimal number that is finite in float32, such as 1.0, -3 or 2.5e-3."""
    negative = text[at] == MINUS
    at += negative or text[at] == PLUS
    mantissa, scale, digits, point = 0, 0, 0, 0
    while ZERO <= text[at] <= NINE or (text[at] == DOT and not point):
        if text[at] == DOT:
            point = 1
        elif mantissa < 10**17:
            mantissa = mantissa * 10 + (text[at] - ZERO)
            scale -= point
            digits += 1
        else:
            scale += 1 - point
        at += 1
    if digits == 0:
        return 0.0, BAD
    if text[at] == ord("e") or text[at] == ord("E"):
        down = text[at + 1] == MINUS
        exponent, at = _integer(text, at + 1 + (down or text[at + 1] == PLUS))
        exponent = min(exponent, 9999)
        scale += -exponent if down else exponent
    if mantissa == 0:
        value = 0.0
    elif -22 <= scale <= 22:  # correctly rounded wherever the mantissa is below 2**53
        value = mantissa / TENS[-scale] if scale < 0 else mantissa * TENS[scale]
    else:
        value = mantissa * 10.0**scale
    return -value if negative else value, at if value < FLOAT32_END else BAD


@njit(nogil=True, cache=True, error_model="numpy")
def _hexadecimal(text: np.ndarray, at: int) -> tuple[np.uint64, int]:
    """16 hexadecimal digits, as a uint64."""
    value = np.uint64(0)
    for position in range(at, at + 16):
        byte = text[position]
        if ZERO <= byte <= NINE:
            digit = byte - ZERO
        elif ord("a") <= byte <= ord("f") or ord("A") <= byte <= ord("F"):
            digit = (byte & 7) + 9
        else:
            return value, BAD
        value = (value << np.uint64(4)) | np.uint64(digit)
    return value, at + 16


@njit(nogil=True, cache=True, error_model="numpy")
def _field(text: np.ndarray, at: int, names: np.ndarray, codes: np.ndarray) -> tuple[int, int]:
    """The name of a field that the open hash table (names, codes) holds, and the separator after it: field number."""
    packed = 0
    while text[at] >= ZERO:
        packed = (packed << 8) | np.int64(text[at])
        at += 1
    slot = packed % NAME_SLOTS
    while names[slot] != packed or packed == 0:
        if names[slot] == 0:
            return 0, BAD
        slot = (slot + 1) % NAME_SLOTS
    return codes[slot], at + 1 if text[at] == ID_FOLLOWS else BAD


@njit(nogil=True, cache=True, error_model="numpy")
def _tokens(
    text: np.ndarray, at: int, wanted: int, names: np.ndarray, codes: np.ndarray, field: np.ndarray, words: np.ndarray
) -> int:
    """``wanted`` tokens and the line's end; they go to field [token] and words [token, (id, value's bits)]."""
    values = words.view(np.float32)
    for token in range(wanted):
        field[token], at = _field(text, at, names, codes)
        if at == BAD:
            return BAD
        original, at = _integer(text, at)
        if at == BAD or original >= ID_LIMIT or text[at] != VALUE_FOLLOWS:
            return BAD
        words[token, 0] = original
        values[token, 1], at = _number(text, at + 1)
        if at == BAD:
            return BAD
        if token < wanted - 1:
            if text[at] != NEXT_TOKEN:
                return BAD
            at += 1
    at += text[at] == RETURN and text[at + 1] == NEWLINE
    return at + 1 if text[at] == NEWLINE else BAD


@njit(nogil=True, cache=True, error_model="numpy")
def _labels(text: np.ndarray, at: int) -> tuple[int, int]:
    """``,click,conversion,``: click + 2 * conversion."""
    label = 0
    for bit in range(2):
        if text[at] != COMMA or not (ZERO <= text[at + 1] <= ZERO + 1):
            return label, BAD
        label |= (text[at + 1] - ZERO) << bit
        at += 2
    return label, at + 1 if text[at] == COMMA else BAD


@njit(nogil=True, cache=True, error_model="numpy")
def _row(
    text: np.ndarray, at: int, common: bool, names: np.ndarray, codes: np.ndarray, field: np.ndarray, words: np.ndarray
) -> tuple[int, int, np.uint64, int, int]:
    """One row: (sample id or -1, label, key, number of tokens, position); its tokens go to field and words."""
    number, label, key, wanted = -1, 0, np.uint64(0), 0
    if not common:
        number, at = _integer(text, at)
        if at != BAD:
            label, at = _labels(text, at)
    if at != BAD:
        key, at = _hexadecimal(text, at)
    if at == BAD or text[at] != COMMA:
        return number, label, key, wanted, BAD
    wanted, at = _integer(text, at + 1)
    if at == BAD or text[at] != COMMA or wanted > TOKEN_LIMIT:
        return number, label, key, wanted, BAD
    return number, label, key, wanted, _tokens(text, at + 1, wanted, names, codes, field, words)


@njit(nogil=True, cache=True, error_model="numpy")
def mix(word: Any) -> Any:
    """splitmix64's finaliser, of a uint64 or an array of them."""
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@njit(nogil=True, cache=True, error_model="numpy")
def _sort(
    field: np.ndarray, words: np.ndarray, lengths: np.ndarray, target: np.ndarray, tokens: np.ndarray, seen: np.ndarray
) -> np.uint64:
    """Put a row's tokens into ``tokens`` sorted by field, their numbers into ``lengths``; the hash of their set."""
    wanted = len(tokens)
    for token in range(wanted):
        lengths[field[token]] += 1
    end = 0
    for code in range(len(lengths)):
        target[code] = end
        end += lengths[code]
    digest = np.uint64(0)
    for token in range(wanted):
        code, original, bits = np.int64(field[token]), words[token, 0], words[token, 1]
        at = target[code]
        target[code] = at + 1
        tokens[at, 0] = original
        tokens[at, 1] = bits
        seen[code, 0] = max(seen[code, 0], original)
        seen[code, 1] += bits != ONE
        id_and_bits = (np.uint64(original) << np.uint64(32)) | np.uint64(np.uint32(bits))
        digest += mix((np.uint64(code) << np.uint64(58)) | id_and_bits)
    return digest


@njit(nogil=True, cache=True, error_model="numpy")
def scan(text: np.ndarray, common: bool, names: np.ndarray, codes: np.ndarray, rows: Rows) -> tuple[int, int, int]:
    """Scan whole lines into ``rows``, which has room for all: (rows, tokens, bad lines)."""
    field, words = np.empty(TOKEN_LIMIT, np.uint8), np.empty((TOKEN_LIMIT, 2), np.int32)
    target = np.empty(rows.lengths.shape[1], np.int64)
    start = line = row = used = bad = 0
    while start < len(text):
        number, label, key, wanted, at = _row(text, start, common, names, codes, field, words)
        if at == BAD:
            at = start
            while text[at] != NEWLINE:
                at += 1
            rows.bad[bad, 0], rows.bad[bad, 1], rows.bad[bad, 2] = line, start, at
            bad += 1
            at += 1
        else:
            tokens = rows.tokens[used : used + wanted]
            digest = _sort(field, words, rows.lengths[row], target, tokens, rows.seen)
            rows.number[row], rows.label[row], rows.key[row], rows.line[row] = number, label, key, line
            rows.digest[row] = digest + mix(mix(key) + np.uint64(label))
            if common and rows.lengths[row, 0]:  # field 101, the user id, is the first of a common row
                rows.number[row] = tokens[0, 0]
            used += wanted
            row += 1
        start = at
        line += 1
    return row, used, bad
