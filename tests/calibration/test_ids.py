"""Which value of a field an impression has, whatever block the field is in."""

import numpy as np
import pytest

from rec.calibration.calibration import ids_of
from rec.data.batch import Bags, Batch
from rec.errors import UserError


def batch() -> Batch:
    """3 impressions of the fields a, b, c; the user's d and e are two common rows'; h is a history."""
    own = Bags(
        3, np.array([0, 1, 2, 3, 0, 4], np.int32), np.array([0, 1, 2, 3, 4, 4, 6, 6, 6, 6], np.int32),
        fields=("a", "b", "c"),
    )  # fmt: skip
    common = Bags(
        2, np.array([5, 6, 7], np.int32), np.array([0, 1, 2, 3, 3], np.int32), row_index=np.array([1, 0, 1], np.int32),
        fields=("d", "e"),
    )  # fmt: skip
    history = Bags(
        2, np.array([1, 2, 3], np.int32), np.array([0, 1, 2, 3, 3, 3, 3], np.int32), fields=("h",), sequence=True
    )
    rows = np.array([100, 101, 102, 103, 104, 105, 106, 107])
    return Batch(rows, (own, common, history), {}, np.array([b"0", b"1", b"2"]))


def test_ids_of_fields():
    assert ids_of(batch(), "a").tolist() == [100, 103, -1]
    assert ids_of(batch(), "b").tolist() == [101, -1, -1]
    assert ids_of(batch(), "d").tolist() == [107, 105, 107]
    assert ids_of(batch(), "e").tolist() == [-1, 106, -1]


def test_several_values_and_no_such_field_are_refused():
    for name in ("c", "h"):
        with pytest.raises(UserError, match=f"{name} has several values in a row"):
            ids_of(batch(), name)
    with pytest.raises(UserError, match="x is none of the fields"):
        ids_of(batch(), "x")
