"""Every exposure's common row, and with it its user's part: training or validation."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from preparation.badrows import SHOWN, BadRows
from preparation.rows import fields_of
from preparation.scan import mix
from preparation.spool import Spool

_CHUNK = 1 << 20
_NOISE = 2
"""The label of a conversion without a click: such rows are left out, as every published result does."""


class Counts:
    """What a part (train, valid, test) holds."""

    def __init__(self) -> None:
        width = len(fields_of(False))
        self.exposures = 0
        self.clicks = 0
        self.conversions = 0
        self.dropped = 0
        """Conversions without a click, left out."""
        self.own_tokens = np.zeros(width, np.int64)
        """int64 [own fields]: tokens."""
        self.own_missing = np.zeros(width, np.int64)
        """int64 [own fields]: exposures without a token."""

    def add(self, label: np.ndarray, lengths: np.ndarray) -> None:
        """Count exposures by label (uint8 [n]) and tokens per field (uint16 [n, own fields])."""
        self.exposures += len(label)
        self.clicks += int((label & 1).sum())
        self.conversions += int((label >> 1).sum())
        self.own_tokens += lengths.sum(axis=0, dtype=np.int64)
        self.own_missing += (lengths == 0).sum(axis=0)


@dataclass(frozen=True)
class Links:
    """A split's exposures tied to its common rows."""

    common_row: np.ndarray
    """int32 [exposures]: row of the common spool, -1 for an exposure that is left out."""
    part: np.ndarray
    """uint8 [common rows]: 1 if the user is held out for validation."""
    uses: np.ndarray
    """int64 [common rows]: exposures that refer to it."""
    counts: tuple[Counts, Counts]
    """By part: what is kept, what is held out."""


def link(own: Spool, common: Spool, valid: float, bad: BadRows) -> Links:
    """Tie exposures to common rows and hold out a share ``valid`` of the users, by a hash of their id.

    An exposure without a common row and a second common row of the same index are bad rows.
    """
    key = common.column("key")
    keys, rows = _distinct(key, common, bad)
    part = _hold_out(common.column("number"), key, valid)
    links = Links(np.empty(own.rows, np.int32), part, np.zeros(common.rows, np.int64), (Counts(), Counts()))
    for start in range(0, own.rows, _CHUNK):
        chunk = slice(start, min(start + _CHUNK, own.rows))
        links.common_row[chunk] = _find(own, chunk, keys, rows, bad)
        _count(links, own, chunk)
    return links


def _distinct(key: np.ndarray, common: Spool, bad: BadRows) -> tuple[np.ndarray, np.ndarray]:
    """Sorted distinct indices and the first row of each."""
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    again = np.concatenate(([False], ordered[1:] == ordered[:-1]))
    if again.any():
        lines = common.column("line")[np.sort(order[again])]
        names = key[np.sort(order[again])[:SHOWN]]
        bad.add(
            common.file, lines, [partial("common_feature_index {:016x} occurs twice".format, name) for name in names]
        )
    return ordered[~again], order[~again]


def _hold_out(user: np.ndarray, key: np.ndarray, share: float) -> np.ndarray:
    """uint8 [common rows]: 1 for a pseudo-random ``share`` of users; without a user id, the index decides."""
    word = mix(np.where(user >= 0, user.astype(np.uint64), key))
    return ((word >> np.uint64(11)) * 2.0**-53 < share).astype(np.uint8)


def _find(own: Spool, chunk: slice, keys: np.ndarray, rows: np.ndarray, bad: BadRows) -> np.ndarray:
    """The common rows of a chunk of exposures, -1 where there is none."""
    key = own.column("key", chunk.start, chunk.stop)
    heads = np.concatenate(([0], np.flatnonzero(key[1:] != key[:-1]) + 1))  # the release is grouped by index
    place = np.minimum(np.searchsorted(keys, key[heads]), len(keys) - 1)
    found = np.where(keys[place] == key[heads], rows[place], -1)
    common_row = np.repeat(found, np.diff(np.append(heads, len(key))))
    lost = np.flatnonzero(common_row < 0)
    if len(lost):
        names = key[lost[:SHOWN]]
        reasons = [partial("common_feature_index {:016x} has no common row".format, name) for name in names]
        bad.add(own.file, own.column("line", chunk.start, chunk.stop)[lost], reasons)
    return common_row


def _count(links: Links, own: Spool, chunk: slice) -> None:
    """Count a chunk of exposures by part, and leave out its conversions without a click."""
    common_row = links.common_row[chunk]
    label = own.column("label", chunk.start, chunk.stop)
    lengths = own.column("lengths", chunk.start, chunk.stop)
    part = np.where(common_row >= 0, links.part[common_row], 2)
    for number, counts in enumerate(links.counts):
        counts.dropped += int(((part == number) & (label == _NOISE)).sum())
        kept = (part == number) & (label != _NOISE)
        counts.add(label[kept], lengths[kept])
    common_row[label == _NOISE] = -1
    links.uses[:] += np.bincount(common_row[common_row >= 0], minlength=len(links.uses))
