"""One spelling of a category's value, whatever the file's format and the column's type."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rec.errors import UserError

_PLAIN = {
    r"^-?0\.0*$": "0",
    r"^(-?[1-9][0-9]*)\.0*$": r"\1",
    r"^(?:True|TRUE)$": "true",
    r"^(?:False|FALSE)$": "false",
}
_EXPONENT = r"^-?[1-9](?:\.[0-9]*[eE][+-]?|[eE][+])[0-9]{1,3}$"
_RESPELLED = r"^-?[0-9]+[.eE]|^(?:True|TRUE|False|FALSE)$"
"""How all begin, or are, that have another spelling."""

_LIST = r"[^\s][|;,\x01-\x03][^\s]"
_NUMBER = r"^-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$"
_SHOWN = 40
_EXACT = {pa.float16(): 2**11, pa.float32(): 2**24, pa.float64(): 2**53}
"""From here on a number of the type stands for several whole numbers."""


class BadValueError(Exception):
    """The value at `index` of an array cannot be a category; `reason` says why and what to do."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(reason)
        self.index, self.reason = index, reason


def canonical(values: pa.Array, name: str) -> pa.Array:
    """The values of a column as strings that are equal where the values are.

    pandas writes the ids of a column with one null as floats, and pandas, R, Arrow and Spark spell floats each in its
    own way. So what programs write for a whole number is that number's digits: 12.0, 12., 1.2e1, 1.2E1 -> 12, 1e+05 ->
    100000; an integer, float or decimal column gives the same. The rule looks at one value at a time, so that it is the
    same for training and test data:

    - Nothing else becomes a number: 007, +12, 1,000 and 12e4 (a hash may look like this) stay as they are, and so does
      a fraction in a text (1.10 may be a version). Floats and decimals with a fraction get their shortest digits.
    - True and TRUE are true, as a boolean column says, False and FALSE false; spaces around a value are no part of it.
    - NaN of a float column is null.

    Args:
        values: of one type, dictionary-encoded or not.
        name: what to call the column.

    Raises:
        UserError: the type has no one spelling (times, structs, bytes that are no UTF-8).
        BadValueError: a float so large that neighbouring whole numbers share it.
    """
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    kind = values.type
    if pa.types.is_temporal(kind) and not pa.types.is_date(kind):
        raise UserError(
            f"column {name} holds {kind}, whose text depends on unit and time zone: write the hour, the weekday or a "
            "text into the table instead"
        )
    if pa.types.is_floating(kind):
        return _of_floats(values)
    if pa.types.is_decimal(kind):
        return _by_distinct(values, lambda distinct: pa.array(map(_digits, distinct.to_pylist()), pa.string()))
    texts = as_text(values, name)
    return _by_distinct(texts, _of_texts) if is_text(kind) else texts


def as_text(values: pa.Array, name: str) -> pa.Array:
    """A column's values as strings, as they are. Raises UserError if they are none, such as structs."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_nested(values.type):
        raise UserError(
            f"column {name} holds {values.type}, expected single values or lists of them: write what it holds into "
            "columns of their own"
        )
    if values.offset and (pa.types.is_large_string(values.type) or pa.types.is_large_binary(values.type)):
        values = pa.concat_arrays([values, values[:0]])  # from 0 on: else Arrow takes its end for its size
    try:
        return values.cast(pa.string())
    except pa.ArrowException as error:
        raise UserError(f"column {name}: its values cannot be read as text: {error}") from None


def doubt(types: tuple[str, ...], distinct: pa.Array, where: str) -> str | None:
    """What is odd about a field whose column has such types and such values, spelled by `canonical`; None: nothing.

    Numbers with a fraction hardly ever repeat, the days of the future are unknown to whoever trains on the past, and
    lists of values in one text are mostly meant to be parted.

    Args:
        where: the field's section.
    """
    if any(kind.startswith("date") for kind in types):
        return "holds dates, each a category of its own: days after those of training are unknown to the model"
    if not len(distinct):
        return None
    lists = pc.match_substring_regex(distinct, _LIST)
    if 2 * pc.sum(lists).as_py() > len(distinct):
        shown = distinct[pc.index(lists, True).as_py()].as_py()[:_SHOWN]
        return f"holds texts such as {shown!r}, each a category of its own ({where}.separator parts a list of values)"
    if not pc.all(pc.match_substring_regex(distinct, _NUMBER)).as_py():
        return None
    at = pc.index(pc.match_substring_regex(distinct, r"\.|e-"), True).as_py()
    if at < 0:
        return None
    return (
        f"holds numbers with a fraction ({distinct[at]}), each a category of its own ({where}.buckets cuts them into "
        "ranges, numeric makes it a number)"
    )


def is_text(kind: pa.DataType) -> bool:
    """Whether a type is one of Arrow's strings."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _by_distinct(values: pa.Array, spell: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """`spell` of the distinct values, put in their places."""
    encoded = values.dictionary_encode()
    try:
        return spell(encoded.dictionary).take(encoded.indices)
    except BadValueError as error:
        raise BadValueError(pc.index(encoded.indices, error.index).as_py(), error.reason) from None


def _of_texts(given: pa.Array) -> pa.Array:
    given = pc.utf8_trim_whitespace(given)
    if not pc.any(pc.match_substring_regex(given, _RESPELLED)).as_py():  # mostly
        return given
    texts = given
    for pattern, plain in _PLAIN.items():
        texts = pc.replace_substring_regex(texts, pattern, plain)
    with_exponent = pc.match_substring_regex(texts, _EXPONENT)
    if pc.any(with_exponent).as_py():
        whole = pa.array(map(_digits, map(Decimal, texts.filter(with_exponent).to_pylist())), pa.string())
        fraction = pc.match_substring(whole, ".")
        texts = pc.replace_with_mask(texts, with_exponent, pc.if_else(fraction, texts.filter(with_exponent), whole))
    long = pc.and_(pc.not_equal(texts, given), pc.greater_equal(pc.utf8_length(texts), 16))
    for index in np.flatnonzero(long):
        if abs(int(texts[index].as_py())) >= _EXACT[pa.float64()]:
            raise BadValueError(int(index), _inexact(given[index], pa.float64()))
    return texts


def _of_floats(values: pa.Array) -> pa.Array:
    limit = _EXACT[values.type]
    numbers = pc.fill_null(values.cast(pa.float64()), float("nan")).to_numpy(zero_copy_only=False)
    large = np.flatnonzero(np.abs(numbers) >= limit)
    if len(large):
        raise BadValueError(int(large[0]), _inexact(values[large[0]], values.type))
    present = ~np.isnan(numbers)
    whole = present & (numbers == np.floor(numbers))
    digits = pa.array(np.where(whole, numbers, 0).astype(np.int64)).cast(pa.string())
    shortest = (values.cast(pa.float32()) if values.type == pa.float16() else values).cast(pa.string())
    return pc.if_else(pa.array(present), pc.if_else(pa.array(whole), digits, shortest), pa.scalar(None, pa.string()))


def _inexact(value: pa.Scalar, kind: pa.DataType) -> str:
    bits = _EXACT[kind].bit_length() - 1
    if str(value) in ("inf", "-inf"):
        return f"found {value}, expected an id"
    return (
        f"found the floating-point number {value}; from 2^{bits} on neighbouring ids share one number: write ids as "
        "whole numbers or texts (pandas: astype('Int64') keeps whole numbers beside nulls)"
    )


def _digits(number: Decimal) -> str:
    """All digits of a number, without an exponent or trailing zeros of a fraction; `normalize` would round to 28."""
    text = format(number, "f") if number else "0"
    return text.rstrip("0").rstrip(".") if "." in text else text
