"""What the values of a label may be."""

from __future__ import annotations

import numpy as np

from rec.config.behaviours import LabelKind
from rec.numeric import Array

EXPECTED: dict[LabelKind, str] = {
    "binary": "0 or 1",
    "number": "a finite number",
    "not negative": "a finite number of at least 0",
}


def odd_values(values: Array, kind: LabelKind) -> Array:
    """int64, the indices of a label's values, [n], that are none of its kind; NaN, which is not given, may be."""
    if kind == "binary":
        odd = (values != 0) & (values != 1) & ~np.isnan(values)
    elif kind == "not negative":
        odd = np.isinf(values) | (values < 0)
    else:
        odd = np.isinf(values)
    return np.flatnonzero(odd)
