"""A part (train, valid or test) cut into row groups that keep a common row's exposures together."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from preparation.linking import Counts, Links
from preparation.spool import Spool

GROUP_EXPOSURES = 1 << 16
"""A row group closes with the first common row that ends after so many exposures: some 1,100 common rows, 1.5 million
tokens, a few MB on disk: small enough to shuffle and to share out between readers, large enough for compression."""
GROUP_COMMON_TOKENS = 1 << 23
"""It also closes before its common rows exceed so many tokens, which bounds memory if exposures are not grouped."""


@dataclass(frozen=True)
class Part:
    """The exposures of one part of a split, by row group."""

    name: str
    own: Spool
    common: Spool
    links: Links
    number: int
    """Which of the links' parts this is."""
    groups: np.ndarray
    """int64 [groups, 2]: first exposure and end of each group, in the spool; other parts' exposures lie between."""

    @property
    def counts(self) -> Counts:
        """What the part holds."""
        return self.links.counts[self.number]

    @property
    def uses(self) -> np.ndarray:
        """int64 [common rows]: exposures of this part that refer to each row of the common spool."""
        return np.where(self.links.part == self.number, self.links.uses, 0)

    @property
    def tokens(self) -> int:
        """The tokens of the exposures and, once each, of the common rows that they refer to."""
        return int(self.counts.own_tokens.sum() + self.common.column("lengths")[self.uses > 0].sum(dtype=np.int64))

    def exposures(self, group: int) -> np.ndarray:
        """int64 [n]: a group's exposures, ascending rows of the spool."""
        start, end = self.groups[group]
        common_row = self.links.common_row[start:end]
        return start + np.flatnonzero((common_row >= 0) & (self.links.part[common_row] == self.number))

    def common_rows(self, exposures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(distinct common rows by first appearance, int64 [m]; each exposure's place among them, int64 [n])."""
        rows, first, inverse = np.unique(self.links.common_row[exposures], return_index=True, return_inverse=True)
        order = np.argsort(first)
        place = np.empty(len(rows), np.int64)
        place[order] = np.arange(len(rows))
        return rows[order], place[inverse]


def cut(name: str, own: Spool, common: Spool, links: Links, number: int) -> Part:
    """Cut one part of a split into row groups."""
    tokens = common.column("lengths").sum(axis=1, dtype=np.int64)
    ends = _ends(links.common_row, links.part, number, tokens, GROUP_EXPOSURES, GROUP_COMMON_TOKENS)
    return Part(name, own, common, links, number, np.stack((np.append(0, ends)[:-1], ends), axis=1))


@njit(nogil=True, cache=True)
def _ends(
    common_row: np.ndarray, part: np.ndarray, number: int, tokens: np.ndarray, most_exposures: int, most_tokens: int
) -> np.ndarray:
    """Ends of groups, each before an exposure whose common row is another than the one before it.

    A single common row with very many exposures is cut at twice ``most_exposures``.
    """
    ends = []
    exposures, held, last, after = 0, 0, -1, 0
    for exposure in range(len(common_row)):
        row = common_row[exposure]
        if row < 0 or part[row] != number:
            continue
        if row != last:
            if exposures >= most_exposures or (exposures and held + tokens[row] > most_tokens):
                ends.append(exposure)
                exposures, held = 0, 0
            held += tokens[row]
        elif exposures >= 2 * most_exposures:
            ends.append(exposure)
            exposures, held = 0, tokens[row]
        exposures, last, after = exposures + 1, row, exposure + 1
    if exposures:
        ends.append(after)
    return np.array(ends, dtype=np.int64)
