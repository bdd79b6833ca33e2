"""Pickles of arrays, read without running what is in them.

A pickle is a program. This reader knows the handful of things that pickled arrays are made of, each by a stand-in of
its own, and refuses everything else, so that a hostile file can neither call nor alter anything.
"""

from __future__ import annotations

import pickle
import re
from collections import OrderedDict
from collections.abc import Callable
from typing import IO, Any, ClassVar

import numpy as np

_PLAIN = re.compile(r"[<>|=]?[biufc?]\d{0,2}")
"""Type codes of numbers: no objects, no records."""


class RefusedError(Exception):
    """A pickle asked for something that is no part of an array."""


def unpickle(file: IO[bytes]) -> Any:
    """The arrays, numbers, texts and containers in a pickle.

    Raises:
        RefusedError: it holds anything else.
        Exception: of many kinds, where it is damaged.
    """
    return _ArrayUnpickler(file).load()


def _dtype(code: Any, *_: Any) -> np.dtype[Any]:
    if not isinstance(code, str) or not _PLAIN.fullmatch(code):
        raise RefusedError(f"it holds an array of type {code!r}, which is no number")
    return np.dtype(code, copy=True)  # a copy: its byte order is set afterwards


def _array(*_: Any) -> Any:
    """Empty; its content comes with the BUILD that follows."""
    return np.ndarray((0,), np.int8)


def _frombuffer(content: Any, dtype: Any, shape: Any, order: Any) -> Any:
    return np.frombuffer(content, dtype).reshape(shape, order=order)


def _scalar(dtype: Any, content: bytes) -> Any:
    return np.frombuffer(content, dtype, count=1)[0]


def _encode(text: str, encoding: str) -> bytes:
    """How protocol 2 writes bytes."""
    if encoding != "latin1":
        raise RefusedError(f"it holds text in encoding {encoding!r}")
    return text.encode("latin1")


def _tuple(items: Any = ()) -> Any:
    return tuple(items)


def _ordered(items: Any = ()) -> Any:
    return OrderedDict(items)


def _class() -> None:
    raise RefusedError("it makes a numpy.ndarray in an unknown way")


_PARTS: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): _class,  # only ever an argument of _reconstruct
    ("numpy", "dtype"): _dtype,
    ("collections", "OrderedDict"): _ordered,
    ("builtins", "tuple"): _tuple,
    ("__builtin__", "tuple"): _tuple,
    ("_codecs", "encode"): _encode,
}
for _core in ("numpy.core", "numpy._core"):
    _PARTS[f"{_core}.multiarray", "_reconstruct"] = _array
    _PARTS[f"{_core}.multiarray", "scalar"] = _scalar
    _PARTS[f"{_core}.numeric", "_frombuffer"] = _frombuffer


# Python's own unpickler in Python: the one in C reserves memory for whatever memo index a file names.
_Unpickler: Any = pickle._Unpickler


class _ArrayUnpickler(_Unpickler):
    dispatch: ClassVar[dict[int, Callable[..., None]]] = dict(_Unpickler.dispatch)

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _PARTS[module, name]
        except KeyError:
            raise RefusedError(f"it holds {module}.{name}, which is not an array") from None

    def load_reduce(self) -> None:
        if not any(self.stack[-2] is part for part in _PARTS.values()):
            raise RefusedError("it calls what is no part of an array")
        super().load_reduce()

    def load_build(self) -> None:
        """Fill an array, or set a type's byte order; nothing else has a state here."""
        state = self.stack.pop()
        target: Any = self.stack[-1]
        if isinstance(target, np.ndarray):
            _, _, dtype, _, content = state
            if not isinstance(dtype, np.dtype) or dtype.hasobject or not isinstance(content, bytes | bytearray):
                raise RefusedError("it holds an array of objects")
            target.__setstate__(state)
        elif isinstance(target, np.dtype):
            if state[2:5] != (None, None, None):
                raise RefusedError("it holds an array of records")
            target.__setstate__((3, state[1], None, None, None, -1, -1, 0))  # type: ignore[attr-defined]
        elif not (isinstance(target, OrderedDict) and not state):
            raise RefusedError(f"it sets the state of a {type(target).__name__}")

    def _refuse(self) -> None:
        raise RefusedError("it makes objects that are no arrays")

    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.BUILD[0]] = load_build
    for _opcode in (pickle.INST, pickle.OBJ, pickle.NEWOBJ, pickle.NEWOBJ_EX, pickle.EXT1, pickle.EXT2, pickle.EXT4):
        dispatch[_opcode[0]] = _refuse
