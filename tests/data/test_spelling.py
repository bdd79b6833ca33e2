"""One spelling of a value, whatever the file's format and the column's type."""

import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from rec.data.spelling import BadValueError, canonical, doubt
from rec.errors import UserError

BIG = 12345678901234567890123456789012345


@pytest.mark.parametrize(
    ("values", "spelled"),
    [
        (["12", "12.0", "12.", "1.2e1", "1.2E1", "+12", " 12 "], ["12", "12", "12", "12", "12", "+12", "12"]),
        (["1e+05", "1.0E10", "1.23456789012e+11", "-3.0"], ["100000", "10000000000", "123456789012", "-3"]),
        (["0.0", "-0.0", "0.", "0"], ["0", "0", "0", "0"]),
        (["007", "00.0", "1,000", "12e4", "1_0", "0x1F", "1.10", "1.5e-3", "ab"], None),
        (["True", "TRUE", "true", "False", "FALSE", "tRUE"], ["true", "true", "true", "false", "false", "tRUE"]),
        ([1, None, 2**62], ["1", None, str(2**62)]),
        ([True, None, False], ["true", None, "false"]),
        ([12.0, None, float("nan"), -0.0, 1e10, 2.0**53 - 1], ["12", None, None, "0", "10000000000", str(2**53 - 1)]),
        ([1.5, 0.1], ["1.5", "0.1"]),
        (pa.array([0.1, 16777215.0], pa.float32()), ["0.1", "16777215"]),
        (pa.array(np.array([7, 2047], np.float16)), ["7", "2047"]),
        ([Decimal("12.00"), Decimal("1.50"), Decimal("0.00"), None], ["12", "1.5", "0", None]),
        ([Decimal(BIG), Decimal(BIG + 1)], [str(BIG), str(BIG + 1)]),
        (pa.array([Decimal(1200)], pa.decimal128(10, -2)), ["1200"]),
        (pa.array(["12.0", None], pa.large_string()), ["12", None]),
        (pa.array(["12.0", None], pa.string_view()), ["12", None]),
        (pa.array(["12.0", None, "12"]).dictionary_encode(), ["12", None, "12"]),
        (pa.array([12.0, None, 3]).dictionary_encode(), ["12", None, "3"]),
        ([datetime.date(2024, 1, 5)], ["2024-01-05"]),
        (pa.nulls(2), [None, None]),
        (pa.array([], pa.float64()), []),
    ],
)
def test_a_value_has_one_spelling(values, spelled):
    found = canonical(values if isinstance(values, pa.Array) else pa.array(values), "x")
    assert found.type == pa.string()
    assert found.to_pylist() == (values if spelled is None else spelled)
    assert canonical(found, "x").to_pylist() == found.to_pylist(), "spelled again, it stays"


@pytest.mark.parametrize(
    ("values", "index"),
    [
        ([1.0, 2.0**53], 1),
        ([None, float("inf")], 1),
        (pa.array([1.0, 2.0**24], pa.float32()), 1),
        (pa.array(np.array([2048, 1], np.float16)), 0),
        (["a", "b", "9007199254740993.0"], 2),
        (["a", "1e+16", "a"], 1),
        (["1.2345678901234567E18"], 0),
    ],
)
def test_a_float_that_stands_for_several_ids_is_refused(values, index):
    with pytest.raises(BadValueError) as error:
        canonical(values if isinstance(values, pa.Array) else pa.array(values), "x")
    assert error.value.index == index


@pytest.mark.parametrize(
    "values",
    [[datetime.datetime(2024, 1, 5)], [datetime.time(1)], [datetime.timedelta(1)], [b"\xff"], [{"a": 1}], [[1]]],
)
def test_a_type_without_one_spelling_is_refused(values):
    with pytest.raises(UserError, match="column x"):
        canonical(pa.array(values), "x")


@pytest.mark.parametrize(
    ("types", "values", "said"),
    [
        (("double",), ["1", "1.5"], "numbers with a fraction (1.5)"),
        (("text",), ["3", "1e-05"], "numbers with a fraction (1e-05)"),
        (("text",), ["1.5", "a"], None),
        (("text",), ["1", "2"], None),
        (("text",), ["1.5", "2"], "(data.fields.f.buckets cuts them into ranges, numeric makes it a number)"),
        (("text",), ["a", "a|b", "b;c"], "texts such as 'a|b', each a category of its own (data.fields.f.separator"),
        (("text",), ["a", "1,2", "b\x02c"], "texts such as '1,2'"),
        (("text",), ["a", "b", "b;c"], None),
        (("text",), ["Home, garden", "Arts | crafts", "a|"], None),
        (("text", "date32[day]"), ["2024-01-05"], "holds dates"),
        (("text",), [], None),
    ],
)
def test_what_is_odd_about_a_field_is_said(types, values, said):
    found = doubt(types, pa.array(values, pa.string()), "data.fields.f")
    assert found is None if said is None else said in str(found)
