"""One training at a time in a checkpoint folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from rec.errors import UserError

NAME = ".lock"


@contextlib.contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold a folder's lock; the system releases it when this process ends, however it ends.

    A POSIX lock rather than flock: a forked reader process, which may outlive a killed trainer by a moment, does not
    inherit it, so a resumed run can start at once.

    Raises:
        UserError: another process holds it, or the folder cannot be written to.
    """
    path = folder / NAME
    try:
        handle = _lock(path)
    except BlockingIOError:
        raise UserError(
            f"{folder}: another training{_holder(path)} writes its checkpoints there; wait for its end, or set another "
            "runner.model_save_path"
        ) from None
    except OSError as error:
        raise UserError(f"runner.model_save_path: cannot write to {folder}: {error.strerror}") from None
    try:
        with contextlib.suppress(OSError):  # who holds it is only for the message: a full disk may not take it
            os.truncate(handle, 0)
            os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def _lock(path: Path) -> int:
    """An open handle of the locked file that stands under `path`."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Its last holder may have removed it between our two calls: then ours is a lock on nothing.
            if path.exists() and path.stat().st_ino == os.fstat(handle).st_ino:
                return handle
        except PermissionError:  # what POSIX also allows a held lock to be called
            os.close(handle)
            raise BlockingIOError from None
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _holder(path: Path) -> str:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        text = path.read_text(encoding="utf-8")
        return f" ({text})" if text else ""
    return ""
