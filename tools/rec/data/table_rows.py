"""What the rows of the embedding table are: how many, how wide, what some of them begin with and which never move."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rec.console import log
from rec.data.pretrained import Pretrained
from rec.data.vocabulary import Vocabulary
from rec.numeric import Array


@dataclass(frozen=True)
class TableRows:
    """Ids are rows. Those of the network's width come first, then those of each other width.

    Attributes:
        num_id: how many.
        widths: (first id, width) of the rows of each other width, in the order of the ids.
        fixed: (first id, last + 1) of rows that never move.
        given: ids, int64 [n], and the vectors that they begin with, float32 [n, d].
        day: of a vocabulary that has grown, how often: what is new on a day begins with numbers of that day's.
    """

    num_id: int
    widths: Sequence[tuple[int, int]] = ()
    fixed: Sequence[tuple[int, int]] = ()
    given: Sequence[tuple[Array, Array]] = ()
    day: int = 0

    def parts(self) -> list[tuple[int, int, int]]:
        """(first id, last + 1, width) of each width, 0 for the network's."""
        firsts = [(0, 0), *self.widths]
        ends = [first for first, _ in self.widths] + [self.num_id]
        return [(first, end, width) for (first, width), end in zip(firsts, ends, strict=True)]

    def of(self, first: int, end: int) -> TableRows:
        """The same of some ids, which are counted from 0 then."""
        fixed = [(max(a, first) - first, min(b, end) - first) for a, b in self.fixed if a < end and b > first]
        given = [(ids - first, vectors) for ids, vectors in self.given if first <= ids[0] < end]
        return TableRows(end - first, (), fixed, given)

    def moving(self) -> Array | None:
        """Whether each row moves, bool [num_id]; None: all do."""
        if not self.fixed:
            return None
        found = np.ones(self.num_id, bool)
        for first, end in self.fixed:
            found[first:end] = False
        return found


def in_order(fields: Iterable[str], dims: Mapping[str, int]) -> list[str]:
    """Fields in the order of their ids: by width, those of the network's first."""
    return sorted(fields, key=lambda name: dims.get(name, 0))


def rows_of(
    vocabulary: Vocabulary, dims: Mapping[str, int], fixed: Iterable[str], pretrained: Mapping[str, Pretrained]
) -> TableRows:
    """The rows of a vocabulary's ids.

    Args:
        dims: fields of another width than the network's.
        fixed: fields whose rows never move.
        pretrained: what values of fields begin with.
    """
    firsts: dict[int, int] = {}
    ranges: dict[str, tuple[int, int]] = {}
    for name in vocabulary.values:
        first = vocabulary.offset(name)
        ranges[name] = (first, first + vocabulary.size(vocabulary.own(name)))
        if name in dims:
            firsts.setdefault(dims[name], first)
    given = []
    for name, file in pretrained.items():
        ids = vocabulary.ids_of(name, file.values)
        known = ids > ranges[name][0]
        share = int(known.sum()) / max(len(vocabulary.known(name) or ()), 1)
        log.info("field %s: %.1f %% of its values begin with a pretrained vector", name, 100 * share)
        if known.any():
            given.append((ids[known].astype(np.int64), file.vectors[known]))
    widths = sorted((first, dim) for dim, first in firsts.items())
    day = vocabulary.growth.day - 1 if vocabulary.growth else 0
    return TableRows(vocabulary.num_id, widths, [ranges[name] for name in fixed], given, day)
