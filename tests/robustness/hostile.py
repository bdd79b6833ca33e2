"""Pickles that try to run something. What they would run leaves a canary file, so that a success is seen."""

from __future__ import annotations

import builtins
import os
import pickle
import struct
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

GLOBALS = (
    ("os", "system"), ("posix", "system"), ("builtins", "eval"), ("builtins", "exec"), ("builtins", "getattr"),
    ("builtins", "open"), ("__builtin__", "eval"), ("subprocess", "Popen"), ("importlib", "import_module"),
    ("numpy", "load"), ("numpy", "ndarray"), ("numpy", "dtype"), ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"),
    ("collections", "OrderedDict"), ("builtins", "tuple"), ("_codecs", "encode"), ("numpy.testing", "runstring"),
    ("functools", "partial"), ("operator", "attrgetter"), ("numpy", "os.system"), ("numpy", "f2py.os.system"),
    ("pickle", "loads"), ("copyreg", "_reconstructor"), ("collections", "OrderedDict.__init__.__globals__"),
    ("torch", "load"), ("paddle", "load"), ("rec.checkpoint.unpickle", "_PARTS"), ("builtins", "bytearray"),
)  # fmt: skip


class Bomb:
    """An object whose unpickling touches a file."""

    def __init__(self, random: Random, canary: Path) -> None:
        self._call = random.choice((
            (os.system, (f"touch {canary}",)),
            (eval, (f"open({str(canary)!r}, 'w')",)),
            (exec, (f"open({str(canary)!r}, 'w')",)),
            (open, (str(canary), "w")),
            (builtins.getattr, (os, "getcwd")) if False else (os.mkdir, (str(canary),)),
            (np.fromfile, (str(canary),)),
        ))  # fmt: skip

    def __reduce__(self) -> Any:
        return self._call


def program(random: Random, canary: Path) -> bytes:
    """Random opcodes over globals, strings, tuples, calls and state."""
    out = bytearray(b"\x80\x04")
    for _ in range(random.randrange(2, 25)):
        out += piece(random, canary)
    return bytes(out + b".")


def insert(random: Random, content: bytes, canary: Path) -> bytes:
    """A real pickle with hostile pieces in it, or with bytes changed."""
    data = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 4))):
        at = random.randrange(2, len(data))
        if random.random() < 0.5:
            data[at:at] = piece(random, canary)
        else:
            data[at] = random.choice(pickle.opcodes if hasattr(pickle, "opcodes") else OPCODES)
    return bytes(data)


OPCODES = (
    b"".join(getattr(pickle, name) for name in pickle.__all__ if isinstance(getattr(pickle, name), bytes)) or b"cRb"
)


def piece(random: Random, canary: Path) -> bytes:
    """One thing a pickle program may do."""
    kind = random.randrange(14)
    if kind <= 3:
        module, name = random.choice(GLOBALS)
        if random.random() < 0.5:
            return f"c{module}\n{name}\n".encode()
        return _text(module) + _text(name) + b"\x93"
    if kind <= 5:
        return _text(
            random.choice((f"touch {canary}", f"open({str(canary)!r},'w')", "w", "O", "f4", "<f4", "V8", "latin1", "a"))
        )
    if kind == 6:
        return _text(f"touch {canary}") + b"\x85R"  # (text,) and call
    if kind == 7:
        return random.choice((b"R", b"b", b"\x81", b"\x92", b"o", b"i", b"Q", b"P0\n"))
    if kind == 8:
        return random.choice(
            (b"}", b"]", b")", b"(", b"t", b"0", b"2", b"\x85", b"\x86", b"\x87", b"s", b"u", b"a", b"e", b"\x94")
        )
    if kind == 9:
        return b"J" + struct.pack("<i", random.choice((0, 1, -1, 3, 2**31 - 1, -(2**31))))
    if kind == 10:
        return random.choice(
            (b"h\x00", b"h\x01", b"q\x00", b"r\xff\xff\xff\x7f", b"j\xff\xff\xff\x7f", b"g0\n", b"p9\n")
        )
    if kind == 11:
        return random.choice((b"\x82\x01", b"\x83\x01\x00", b"\x84\x01\x00\x00\x00", b"\x97", b"\x98"))
    if kind == 12:
        return b"\x8e" + struct.pack("<Q", random.choice((2**40, 2**62, 2**63, 5))) + b"abcde"
    return b"C\x05abcde"


def _text(text: str) -> bytes:
    encoded = text.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def world() -> tuple[Any, ...]:
    """What a pickle might alter without running anything: attributes of what it may name."""
    from numpy._core import multiarray, numeric

    frombuffer = numeric._frombuffer
    return (
        frombuffer.__defaults__, frombuffer.__code__, frombuffer.__dict__.copy(), sorted(vars(multiarray)),
        len(vars(builtins)),
        np.dtype("f4").byteorder, np.dtype("O").hasobject,
    )  # fmt: skip
