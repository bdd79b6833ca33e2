"""Values of a column as segments: numbered while they come, and put in order at the end."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa

from rec.config.metrics import Segment
from rec.errors import UserError
from rec.numeric import Array

MOST = 100
"""Values of a column that are segments of their own: those with the most impressions."""

_TOO_MANY = 100_000

EMPTY, OTHERS = "(empty)", "(others)"


class Names:
    """Numbers texts in the order in which they come; `bounded`: no more of them than can be segments."""

    def __init__(self, column: str, bounded: bool = True) -> None:
        self._column, self._bounded = column, bounded
        self._codes: dict[str, int] = {}

    def __call__(self, texts: pa.Array) -> Array:
        """int32 [B].

        Raises:
            UserError: there are so many that they can be no segments.
        """
        encoded = texts.dictionary_encode()
        codes = [self._codes.setdefault(text, len(self._codes)) for text in encoded.dictionary.to_pylist()]
        if self._bounded and len(self._codes) > _TOO_MANY:
            raise UserError(
                f"runner.segments: {self._column} has more than {_TOO_MANY:,} values: take a coarser column, or "
                f"quantile({self._column}) of a number"
            )
        return np.array(codes, np.int32)[encoded.indices.to_numpy()]

    @property
    def texts(self) -> pa.Array:
        """By number."""
        return pa.array(list(self._codes), pa.large_string())


def cut(segment: Segment, values: Array, names: Names | None) -> tuple[list[str], Array]:
    """The segments' names in their order, and the place there of each row's, int [n].

    Args:
        values: of all rows: numbers by `names`, or of a segment of quantiles float64.
    """
    return _quantiles(values, segment.parts) if names is None else _by_value(values, names.texts.to_pylist())


def _by_value(codes: Array, texts: list[str]) -> tuple[list[str], Array]:
    """Numbers in their order, then texts in theirs; what is rare is together."""
    counts = np.bincount(codes, minlength=len(texts))
    common = sorted(range(len(texts)), key=lambda code: (-counts[code], texts[code]))[:MOST]
    kept = sorted((code for code in common if texts[code] and counts[code]), key=lambda code: _place(texts[code]))
    found, place = [texts[code] for code in kept], np.full(len(texts), len(kept), np.int32)
    place[kept] = np.arange(len(kept))
    if counts[common].sum() < len(codes):
        found.append(OTHERS)
    if "" in texts and counts[texts.index("")]:
        place[texts.index("")] = len(found)
        found.append(EMPTY)
    return found, place[codes]


def _place(text: str) -> tuple[int, float, str]:
    try:
        return 0, float(text), text
    except ValueError:
        return 1, 0.0, text


def _quantiles(values: Array, parts: int) -> tuple[list[str], Array]:
    """Parts with about as many rows each; equal numbers are in one, so there may be fewer."""
    known = np.isfinite(values)
    n = int(known.sum())
    found: list[str] = []
    edges = np.empty(0)
    if n:
        places = np.unique(np.arange(1, parts) * n // parts)
        lowest, highest = float(values[known].min()), float(values[known].max())
        edges = np.unique(np.partition(values[known], places)[places])
        edges = edges[edges > lowest]
        bounds = [lowest, *edges.tolist(), highest]
        shown = [f"{bound:g}" for bound in bounds]
        if len(set(shown)) < len(set(bounds)):  # six digits do not tell them apart
            shown = [repr(bound) for bound in bounds]
        found = [f"[{low}, {high})" for low, high in pairwise(shown)]
        found[-1] = f"{found[-1][:-1]}]"
    place = np.searchsorted(edges, values, side="right").astype(np.int32)
    if n < len(values):
        place[~known] = len(found)
        found.append(EMPTY)
    return found, place
