"""One training at a time in a checkpoint folder."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from rec.errors import UserError

NAME = ".lock"


@contextlib.contextmanager
def only_writer(folder: Path, work: str = "training", setting: str = "runner.model_save_path") -> Iterator[None]:
    """Hold a folder's lock; the system releases it when this process ends, however it ends.

    A forked reader process, which may outlive a killed trainer by a moment, does not inherit it (filelock closes the
    file there), so a resumed run can start at once.

    Args:
        folder: it is there.
        work: what writes to it, for the message.
        setting: what names the folder.

    Raises:
        UserError: another process holds it, or the folder cannot be written to.
    """
    path = folder / NAME
    # No marker file where the file system has no locks: a killed process would leave it behind.
    lock = FileLock(path, timeout=0, fallback_to_soft=False)
    try:
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        lock.acquire()
    except Timeout:
        raise UserError(
            f"{folder}: another {work}{_holder(path)} writes there; wait for its end, or set another {setting}"
        ) from None
    except OSError as error:
        raise UserError(f"{setting}: cannot write to {folder}: {error.strerror}") from None
    try:
        # Who holds it is only for the message: a full disk may not take it, and Windows no write to a locked file.
        with contextlib.suppress(OSError):
            path.write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")
        yield
    finally:
        # Before the release: who opened it meanwhile finds that it is gone, and opens another.
        with contextlib.suppress(OSError):  # Windows removes no open file
            path.unlink(missing_ok=True)
        lock.release()


def _holder(path: Path) -> str:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        text = path.read_text(encoding="utf-8")
        return f" ({text})" if text else ""
    return ""
