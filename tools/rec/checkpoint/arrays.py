"""Arrays by name in files: safetensors, and PaddleRec's pickles read without running what is in them."""

from __future__ import annotations

import os
import pickle
import re
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from rec.checkpoint.unpickle import RefusedError, unpickle
from rec.errors import UserError
from rec.numeric import Array

_NAME_MAP = "StructuredToParameterName@@"


def write(path: Path, arrays: dict[str, Array]) -> None:
    """Write arrays to `path` and wait until they are on the disk; the ending chooses the format.

    Raises:
        OSError: the disk is full or the folder not writable.
    """
    contiguous = {name: np.ascontiguousarray(value) for name, value in arrays.items()}
    if path.suffix == ".safetensors":
        try:
            save_file(contiguous, path)
        except SafetensorError as error:
            raise _as_os_error(error) from None
    else:
        with path.open("wb") as file:
            pickle.dump({**contiguous, _NAME_MAP: {name: name for name in contiguous}}, file, protocol=4)
    sync(path)


def _as_os_error(error: SafetensorError) -> OSError:
    number = re.search(r"os error (\d+)", str(error))
    return OSError(int(number[1]), os.strerror(int(number[1]))) if number else OSError(str(error))


def sync(path: Path) -> None:
    """Wait until a file's, or a folder's, content is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read(path: Path) -> dict[str, Array]:
    """The arrays of a file that `write`, or Paddle, wrote.

    Raises:
        UserError: the file is missing or damaged, or a pickle holds anything but arrays.
    """
    try:
        return load_file(path) if path.suffix == ".safetensors" else _unpickle(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (SafetensorError, ValueError, KeyError, TypeError) as error:  # the latter: a type that NumPy does not have
        raise UserError(f"{path}: truncated or damaged ({error}); use another checkpoint") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None


def _unpickle(path: Path) -> dict[str, Array]:
    with path.open("rb") as file:
        try:
            tree = unpickle(file)
        except RefusedError as error:
            raise UserError(f"{path}: refused: {error}") from None
        except OSError:
            raise
        except Exception as error:  # a damaged pickle fails in many ways
            raise UserError(f"{path}: truncated or damaged ({type(error).__name__}); use another checkpoint") from None
    if not isinstance(tree, dict):
        raise UserError(f"{path}: expected arrays by name, found {type(tree).__name__}")
    arrays = {}
    for name, value in tree.items():
        if isinstance(value, tuple) and len(value) == 2:  # Paddle's (variable name, array)
            value = value[1]
        if isinstance(value, np.ndarray):
            arrays[str(name)] = value
    return arrays
