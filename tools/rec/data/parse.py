"""PaddleRec's line format, parsed at memory speed: `id,label,...,field:id,field:id,...`.

The kernel checks everything and says where it stopped; `explain` turns that into a sentence.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from rec.errors import UserError
from rec.kernels import lines
from rec.kernels.lines import NO_VALUE
from rec.kernels.words import SIZE
from rec.numeric import Array

__all__ = ["NO_VALUE", "FieldNames", "LineError", "Parsed", "check_field_names", "fields_of", "parse"]


@dataclass(frozen=True)
class FieldNames:
    """Field names as the kernel looks them up: open addressing over a hash of their words."""

    names: tuple[str, ...]
    slots: Array
    """int32 [S], index of a field or -1."""
    hashes: Array
    """uint64 [F]."""
    text: Array
    """uint8, all names end to end, and a word of zeros."""
    bounds: Array
    """int32 [F + 1], where each name begins in `text`."""

    @classmethod
    def of(cls, names: tuple[str, ...]) -> "FieldNames":
        encoded = [name.encode() for name in names]
        slots = np.full(max(16, 1 << (16 * len(names)).bit_length()), -1, np.int32)
        bounds = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
        text = np.frombuffer(b"".join([*encoded, bytes(SIZE)]), np.uint8)
        hashes = np.array([lines.name_hash(text, a, b) for a, b in pairwise(bounds.tolist())], np.uint64)
        for index, value in enumerate(hashes.tolist()):
            slot = value % len(slots)
            while slots[slot] >= 0:
                slot = (slot + 1) % len(slots)
            slots[slot] = index
        return cls(names, slots, hashes, text, bounds)


@dataclass(frozen=True)
class Parsed:
    """The lines of one batch.

    Attributes:
        ids: int32 [T], grouped by line and field, in the line's order within a field.
        offsets: int32 [B * F + 1], bag bounds in `ids`.
        labels: int8 [B, L], 0, 1 or NO_VALUE.
        id_ends: int64 [B], where the sample id's text ends.
        unlisted: tokens whose field is not among the names.
    """

    ids: Array
    offsets: Array
    labels: Array
    id_ends: Array
    unlisted: int


class LineError(Exception):
    """Line `line` (of this batch) breaks the format; `reason` says how."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line, self.reason = line, reason


def parse(
    text: Array, starts: Array, fields: FieldNames, num_label: int, num_id: int, max_len: int = 0, hashed: bool = False
) -> Parsed:
    """Parse lines of `text` (uint8); line i is text[starts[i]:starts[i + 1]], with or without its line end.

    A text that goes on for SIZE bytes, whatever they are, is not copied.

    `hashed`: ids may be any of up to 20 digits, and are hashed with their fields.

    Of each field the first `max_len` tokens of a line are kept; 0 keeps all.

    Raises:
        LineError: for the first line that is malformed, or holds an id outside [0, num_id).
    """
    num_line, num_field = len(starts) - 1, len(fields.names)
    if len(text) < starts[-1] + SIZE:
        text = np.concatenate([text, np.zeros(SIZE, np.uint8)])
    room = len(text) // 3  # a token takes no less
    bags, ids = np.empty(room, np.int32), np.empty(room, np.int32)
    labels = np.empty((num_line, num_label), np.int8)
    id_ends = np.empty(num_line, np.int64)
    offsets = np.zeros(num_line * num_field + 1, np.int32)
    found, unlisted, code, line, at = lines.scan(
        text, starts, fields.slots, fields.hashes, fields.text, fields.bounds,
        num_id, max_len, labels, id_ends, bags, ids, offsets, hashed,
    )  # fmt: skip
    if code != lines.OK:
        raise LineError(line, _explain(bytes(text[starts[line] : starts[line + 1]]), code, at - starts[line], num_id))
    return Parsed(lines.group(bags[:found], ids[:found], offsets), offsets, labels, id_ends, unlisted)


def _explain(line: bytes, code: int, at: int, num_id: int) -> str:
    """What is wrong with a line, in words. `at` is the byte where the kernel stopped."""
    token = line[at:].split(b",")[0].rstrip().decode("utf-8", "replace")
    column = line[:at].count(b",") + 1
    shown = token if len(token) <= 60 else token[:57] + "..."
    if code == lines.NO_LABEL:
        start = line[:60].decode("utf-8", "replace").rstrip()
        return f"column {column + 1}: the line ends where a label should be: {start!r}"
    if code == lines.BAD_LABEL:
        return f"column {column}: label should be 0 or 1, found {shown!r}"
    if code == lines.NO_COLON:
        return f"column {column}: expected field:id, found {shown!r}"
    if code == lines.BAD_ID:
        return f"column {column}: the id should be a non-negative integer, found {shown!r}"
    field, _, value = token.partition(":")
    return (
        f"column {column}: id {value} of field {field} is outside the embedding table "
        f"(hyper_parameters.sparse_feature_number is {num_id}: ids 0 to {num_id - 1}); hyper_parameters.hash_ids: true "
        "takes ids of any size"
    )


def fields_of(text: bytes, num_label: int) -> list[str]:
    """The field names that occur in lines, sorted."""
    found = set()
    for line in text.decode("utf-8", "replace").splitlines():
        found |= {token.partition(":")[0] for token in line.split(",")[1 + num_label :]}
    return sorted(found)


def check_field_names(names: object) -> tuple[str, ...]:
    """Field names from a config: a list of distinct texts (numbers are taken as their text).

    Raises:
        UserError: not a list, empty, or with a repeated name.
    """
    if not isinstance(names, list | tuple) or not names:
        raise UserError(f"hyper_parameters.fields should be a list of field names, got {names!r}")
    texts = tuple(str(name) for name in names)
    repeated = sorted({name for name in texts if texts.count(name) > 1})
    if repeated:
        raise UserError(f"hyper_parameters.fields names {', '.join(repeated)} more than once")
    return texts
