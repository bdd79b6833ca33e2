"""Rows that are no rows: why, where, how many, and whether the first of them ends the run."""

import re
from collections.abc import Callable, Sequence

import numpy as np

from preparation.rows import fields_of
from preparation.scan import ID_LIMIT, TOKEN_LIMIT
from rec.errors import UserError

SHOWN = 10
"""Bad rows that are reported one by one."""
_NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,18})?")
_HEADS = {True: (b"common_feature_index", b"feature_num"), False: (b"sample_id", b"click", b"conversion")}
_HEADS[False] += _HEADS[True]


class BadRows:
    """Counts bad rows and keeps the first few; in mode "fail" the first one ends the run."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.count = 0
        self.first: list[str] = []

    def add(self, file: str, lines: np.ndarray, reasons: Sequence[Callable[[], str]]) -> None:
        """Note bad ``lines`` of ``file``; ``reasons`` say what is wrong with, at least, the first SHOWN of them.

        Args:
            file: the raw file's name.
            lines: int64 [n], counted from 1.
            reasons: called for those that are reported.

        Raises UserError in mode "fail".
        """
        for line, reason in zip(lines, reasons[: SHOWN - len(self.first)], strict=False):
            self.first.append(f"{file}:{line}: {reason()}")
            if self.mode == "fail":
                raise UserError(f"{self.first[0]} (--on-error skip leaves bad rows out and counts them)")
        self.count += len(lines)


def explain(line: bytes, common: bool) -> str:
    """Why a line without its newline is no row of a common-features or a skeleton file; "" if it is one."""
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return f"invalid UTF-8 at byte {error.start + 1}"
    heads = _HEADS[common]
    columns = line.removesuffix(b"\r").split(b",", len(heads))
    if len(columns) <= len(heads):
        return f"{len(columns)} columns instead of {len(heads) + 1}"
    for name, column in zip(heads, columns, strict=False):
        if fault := _HEAD_FAULTS[name](column):
            return f"{name.decode()} {_shown(column)} is {fault}"
    tokens = columns[-1].split(b"\x01") if columns[-1] else []
    for number, token in enumerate(tokens, 1):
        if fault := _token_fault(token, common):
            return f"token {number} {_shown(token)}: {fault}"
    wanted = int(columns[-2])
    if wanted != len(tokens):
        return f"feature_num is {wanted}, but the row holds {len(tokens)} tokens"
    return f"{wanted} tokens, more than {TOKEN_LIMIT}" if wanted > TOKEN_LIMIT else ""


def _shown(text: bytes) -> str:
    """At most 40 bytes of a text, the three separators written as they are in the release's description."""
    for byte in (1, 2, 3):
        text = text.replace(bytes([byte]), b"\\x0%d" % byte)
    return repr(text.decode(errors="replace")).replace("\\\\", "\\") if len(text) <= 40 else _shown(text[:36] + b"...")


def _whole(text: bytes) -> str:
    return "" if text.isdigit() and len(text) <= 18 else "not a non-negative integer"


def _label(text: bytes) -> str:
    return "" if text in (b"0", b"1") else "not 0 or 1"


def _index(text: bytes) -> str:
    return "" if re.fullmatch(rb"[0-9a-fA-F]{16}", text) else "not 16 hexadecimal digits"


_HEAD_FAULTS = {
    b"sample_id": _whole,
    b"click": _label,
    b"conversion": _label,
    b"common_feature_index": _index,
    b"feature_num": _whole,
}


def _token_fault(token: bytes, common: bool) -> str:
    """What is wrong with one token; "" if nothing is."""
    parts = re.fullmatch(rb"([^\x02\x03]*)\x02([^\x02\x03]*)\x03([^\x02\x03]*)", token)
    if not parts:
        return "broken, expected field \\x02 id \\x03 value"
    field, original, value = parts.groups()
    if field.decode() in (other.name for other in fields_of(not common)):
        return f"field {field.decode()} belongs in the {'skeleton' if common else 'common features'}"
    if field.decode() not in (known.name for known in fields_of(common)):
        return f"unknown field {_shown(field)}"
    if fault := _whole(original):
        return f"id {_shown(original)} is {fault}"
    if int(original) >= ID_LIMIT:
        return f"id {int(original)} is not below {ID_LIMIT} (the release's highest is 10091378)"
    with np.errstate(over="ignore"):
        finite = _NUMBER.fullmatch(value) and np.isfinite(np.float32(float(value)))
    return "" if finite else f"value {_shown(value)} is not a finite number"
