"""A line between two processes: messages as JSON, and a sign of life every second."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from typing import Any

_BEAT = 1.0
"""Seconds between two signs of life."""


class Line:
    """One end of a connection. Two threads of it read, and say that this process lives.

    Args:
        connection: to the other process.
        timeout: seconds after which a silent process counts as gone.
        heard: called by the reading thread with each message.
        lost: called once by the reading thread with the reason, where the connection ends before `close`.
    """

    def __init__(
        self,
        connection: socket.socket,
        timeout: float,
        heard: Callable[[dict[str, Any]], None],
        lost: Callable[[str], None],
    ) -> None:
        self._connection, self._timeout, self._heard, self._lost = connection, timeout, heard, lost
        self._sending, self._closed = threading.Lock(), threading.Event()
        connection.settimeout(timeout)
        self._threads = [threading.Thread(target=work, daemon=True, name="line") for work in (self._read, self._beat)]
        for thread in self._threads:
            thread.start()

    def send(self, message: dict[str, Any]) -> None:
        """Send a message; where the other end is gone nothing happens, for the reading thread says so."""
        data = json.dumps(message).encode() + b"\n"
        with contextlib.suppress(OSError), self._sending:
            self._connection.sendall(data)

    def close(self) -> None:
        """Say that the end is meant, and end; a thread that still read would abort Python's own end."""
        self.send({"over": True})
        self._closed.set()
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(2 * _BEAT)
        self._connection.close()

    def _beat(self) -> None:
        while not self._closed.wait(_BEAT):
            self.send({})

    def _read(self) -> None:
        try:
            with self._connection.makefile("rb") as lines:
                for line in lines:
                    message = json.loads(line)
                    if message.get("over"):
                        self._closed.set()
                        return
                    if message:
                        self._heard(message)
            reason = "has ended"
        except TimeoutError:
            reason = f"gave no sign of life for {self._timeout:g} s"
        except ConnectionError:
            reason = "has ended"
        except (OSError, ValueError):
            reason = "is cut off"
        if not self._closed.is_set():
            self._lost(reason)
