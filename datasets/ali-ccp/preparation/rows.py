"""Whole lines of a raw file in, arrays out."""

import numpy as np

from fields import COMMON_FIELDS, OWN_FIELDS, Field
from preparation import scan


def fields_of(common: bool) -> tuple[Field, ...]:
    """The fields whose tokens stand in a common-features row, or in a skeleton row."""
    return COMMON_FIELDS if common else OWN_FIELDS


def _name_slots(fields: tuple[Field, ...]) -> tuple[np.ndarray, np.ndarray]:
    """An open hash table of the fields' names, packed into int64: (names, field numbers) by slot."""
    names, codes = np.zeros(scan.NAME_SLOTS, np.int64), np.zeros(scan.NAME_SLOTS, np.uint8)
    for code, field in enumerate(fields):
        packed = int.from_bytes(field.name.encode(), "big")
        slot = packed % scan.NAME_SLOTS
        while names[slot]:
            slot = (slot + 1) % scan.NAME_SLOTS
        names[slot], codes[slot] = packed, code
    return names, codes


_SLOTS = {common: _name_slots(fields_of(common)) for common in (True, False)}


def parse(text: bytes, common: bool) -> tuple[scan.Rows, int]:
    """Parse whole lines (``text`` ends with a newline) of a common-features or a skeleton file: (rows, lines)."""
    block = np.frombuffer(text, np.uint8)
    lines, tokens = scan.count(block)
    width = len(fields_of(common))
    room = scan.Rows(
        number=np.empty(lines, np.int64),
        label=np.empty(lines, np.uint8),
        key=np.empty(lines, np.uint64),
        line=np.empty(lines, np.int64),
        digest=np.empty(lines, np.uint64),
        lengths=np.zeros((lines, width), np.uint16),
        tokens=np.empty((tokens, 2), np.int32),
        seen=np.tile(np.array([-1, 0]), (width, 1)),
        bad=np.empty((lines, 3), np.int64),
    )
    rows, used, bad = scan.scan(block, common, *_SLOTS[common], room)
    columns = {name: getattr(room, name)[:rows] for name in ("number", "label", "key", "line", "digest", "lengths")}
    return room._replace(**columns, tokens=room.tokens[:used], bad=room.bad[:bad]), lines
