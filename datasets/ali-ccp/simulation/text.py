"""Numbers as bytes: compiled, because formatting them is most of the work of writing the raw files."""

import numpy as np

from fields import FIELD_NAMES
from simulation.compiled import compiled

_NAMES = np.array([list(name.encode().ljust(6)) for name in FIELD_NAMES], np.uint8)
_NAME_LENGTHS = np.array([len(name) for name in FIELD_NAMES])
_TENS, _TEN = 10 ** np.arange(19, dtype=np.uint64), np.uint64(10)
_ZERO, _DOT, _COMMA, _COLON = ord("0"), ord("."), ord(","), ord(":")

WIDEST_TOKEN = 6 + 1 + 10 + 1 + 8 + 1
"""Bytes of the longest token: name, id, value and what separates them."""


@compiled("uint8[::1](uint8[::1], int64, int64)")
def with_room(buffer: np.ndarray, end: int, need: int) -> np.ndarray:
    """The buffer, or a larger one with the same first `end` bytes, with room for `need` more."""
    if end + need <= len(buffer):
        return buffer
    larger = np.empty(2 * (end + need), np.uint8)
    larger[:end] = buffer[:end]
    return larger


@compiled("int64(uint8[::1], int64, int64)")
def put_int(buffer: np.ndarray, end: int, number: int) -> int:
    """Write a number >= 0 in decimal; like all of these, returns the new end."""
    rest = np.uint64(number)
    digits = 1 + int(rest >= _TENS[1])
    while digits < 19 and rest >= _TENS[digits]:
        digits += 1
    for place in range(end + digits - 1, end - 1, -1):
        buffer[place] = _ZERO + rest % _TEN
        rest //= _TEN
    return end + digits


@compiled("int64(uint8[::1], int64, uint64)")
def put_hex(buffer: np.ndarray, end: int, number: np.uint64) -> int:
    """Write 16 hexadecimal digits."""
    for place in range(16):
        digit = np.int64((number >> np.uint64(60 - 4 * place)) & np.uint64(15))
        buffer[end + place] = _ZERO + digit if digit < 10 else ord("a") + digit - 10
    return end + 16


@compiled("int64(uint8[::1], int64, int64)")
def put_log_count(buffer: np.ndarray, end: int, twelfths: int) -> int:
    """Write ln(1 + twelfths / 12) as the release prints it: five decimals, no trailing zeros; 1.0 for no count."""
    if twelfths == 0:
        buffer[end], buffer[end + 1], buffer[end + 2] = _ZERO + 1, _DOT, _ZERO
        return end + 3
    scaled = int(np.log1p(twelfths / 12) * 1e5 + 0.5)
    buffer[end], buffer[end + 1] = _ZERO + scaled // 100_000, _DOT
    for place in range(6, 1, -1):
        buffer[end + place] = _ZERO + scaled % 10
        scaled //= 10
    end += 7
    while buffer[end - 1] == _ZERO and buffer[end - 2] != _DOT:
        end -= 1
    return end


@compiled("int64(uint8[::1], int64, int64)")
def put_field(buffer: np.ndarray, end: int, field: int) -> int:
    """Write a field's name."""
    for place in range(_NAME_LENGTHS[field]):
        buffer[end + place] = _NAMES[field, place]
    return end + _NAME_LENGTHS[field]


@compiled("int64(uint8[::1], int64, int64[:, ::1])")
def put_tokens(buffer: np.ndarray, end: int, tokens: np.ndarray) -> int:
    """Write a raw feature list, tokens (n, 3) of field, id, twelfths: field \\x02 id \\x03 value, \\x01 between."""
    for number in range(len(tokens)):
        end = put_field(buffer, end, tokens[number, 0])
        buffer[end] = 2
        end = put_int(buffer, end + 1, tokens[number, 1])
        buffer[end] = 3
        end = put_log_count(buffer, end + 1, tokens[number, 2])
        buffer[end] = 1
        end += 1
    return end - min(1, len(tokens))


@compiled("int64(uint8[::1], int64, int64[:, ::1], int64[::1])")
def put_pairs(buffer: np.ndarray, end: int, tokens: np.ndarray, numbers: np.ndarray) -> int:
    """Write tokens (n, 3) as joined lines have them: ,field:number for each.

    An id's number is the order of its first appearance; `numbers` remembers them plus one, and their count under 0,
    which is no id.
    """
    for token in range(len(tokens)):
        feature = tokens[token, 1]
        if numbers[feature] == 0:
            numbers[0] += 1
            numbers[feature] = numbers[0]
        buffer[end] = _COMMA
        end = put_field(buffer, end + 1, tokens[token, 0])
        buffer[end] = _COLON
        end = put_int(buffer, end + 1, numbers[feature] - 1)
    return end


@compiled("int64(uint8[::1], int64, int64, int64, int64)")
def put_head(buffer: np.ndarray, end: int, sample: int, click: int, conversion: int) -> int:
    """Write what every line begins with: sample_id,click,conversion."""
    end = put_int(buffer, end, sample)
    buffer[end], buffer[end + 1] = _COMMA, _ZERO + click
    buffer[end + 2], buffer[end + 3] = _COMMA, _ZERO + conversion
    return end + 4
