"""Columns of numbers, however a file holds them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rec.data.spelling import BadValueError, is_text
from rec.numeric import Array


def as_numbers(values: pa.Array) -> Array:
    """float64 [n] of integers, floats, decimals, booleans, or texts of these; NaN where a value is null, "" or nan.

    Spaces around a text are no part of it; true is 1 and false 0, as in columns of Python's, pandas' and Spark's.

    Raises:
        BadValueError: at the first value that is no number.
    """
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    given = values
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.int8())
    elif is_text(values.type):
        values = pc.utf8_trim_whitespace(values)
        for pattern, number in ((r"^(?:true|True|TRUE)$", "1"), (r"^(?:false|False|FALSE)$", "0")):
            values = pc.replace_substring_regex(values, pattern, number)
        values = pc.if_else(pc.equal(values, ""), pa.scalar(None, values.type), values)
    numbers = _cast(values)
    if numbers is None:
        index = _first_bad(values)
        raise BadValueError(index, f"expected numbers, found {given[index].as_py()!r}")
    return np.asarray(pc.fill_null(numbers, float("nan")).to_numpy(zero_copy_only=False))


def _cast(values: pa.Array) -> pa.Array | None:
    if pa.types.is_temporal(values.type):  # a number in whatever unit the file happens to have
        return None
    try:  # whole numbers above 2^53 may be rounded
        return values.cast(pa.float64(), safe=not pa.types.is_integer(values.type))
    except pa.ArrowException:
        return None


def _first_bad(values: pa.Array) -> int:
    """The index of the first value that is no number, where there is one."""
    if _cast(values.slice(0, 0)) is None:  # lists and times, whatever they hold
        return int(np.argmax(values.is_valid().to_numpy(zero_copy_only=False)))
    low, high = 0, len(values)
    while high - low > 1:
        middle = (low + high) // 2
        if _cast(values.slice(low, middle - low)) is None:
            high = middle
        else:
            low = middle
    return low
