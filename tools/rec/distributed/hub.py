"""Rank 0 leads: it tells the others what comes next, and each end learns when the other is gone.

Paddle's collectives wait 30 s for a rank and then fail without saying why. A training that validates, saves or reads
for longer must not, and one whose rank was killed must end at once. So ranks meet on lines of their own before they
exchange arrays.
"""

from __future__ import annotations

import os
import queue
import socket
import sys
import threading
from typing import Any

from rec.distributed.line import Line

_WORDS = "all ranks end; the checkpoints written so far are whole (runner.resume=true goes on)"


class Hub:
    """The lines of one process: rank 0 has one to each other rank, these have one to rank 0.

    Args:
        rank, count: this process among how many.
        timeout: seconds after which a silent process counts as gone.
    """

    def __init__(self, rank: int, count: int, timeout: float) -> None:
        self.rank, self.count, self._timeout = rank, count, timeout
        self._lines: dict[int, Line] = {}
        self._orders: queue.Queue[dict[str, Any]] = queue.Queue()
        self._ready = threading.Semaphore(0)
        self._batches: queue.Queue[bool] = queue.Queue()
        self._ending = threading.Lock()

    def listen(self, host: str) -> tuple[socket.socket, int]:
        """Rank 0: a socket, and its port."""
        server = socket.create_server((host, 0), backlog=self.count)
        server.settimeout(self._timeout)
        return server, server.getsockname()[1]

    def accept(self, server: socket.socket, key: str) -> None:
        """Rank 0: wait for the others, who know the key."""
        while len(self._lines) < self.count - 1:
            connection, _ = server.accept()
            connection.settimeout(self._timeout)
            words = _first_line(connection).split()
            if len(words) == 2 and words[0] == key:
                self._add(int(words[1]), connection)
            else:
                connection.close()
        server.close()

    def connect(self, host: str, port: int, key: str) -> None:
        """Another rank: find rank 0."""
        connection = socket.create_connection((host, port), self._timeout)
        connection.sendall(f"{key} {self.rank}\n".encode())
        self._add(0, connection)

    def _add(self, other: int, connection: socket.socket) -> None:
        def heard(message: dict[str, Any]) -> None:
            self._heard(other, message)

        def lost(reason: str) -> None:
            self.end(f"rank {other} {reason}: {_WORDS}", 1)

        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines[other] = Line(connection, self._timeout, heard, lost)

    def order(self, what: str, **facts: Any) -> None:
        """Rank 0: tell the others what comes next."""
        self._tell({"order": what, **facts})

    def next_order(self) -> dict[str, Any]:
        """Another rank: what comes next, however long that takes."""
        return self._orders.get()

    def another(self) -> bool:
        """The next batch is here: wait until all have it. Another rank: False where rank 0 wants no more of them."""
        if self.rank:
            self._lines[0].send({"ready": True})
            return self._batches.get()
        for _ in range(self.count - 1):
            self._ready.acquire()
        self._tell({"batch": True})
        return True

    def no_more(self) -> None:
        """Rank 0: it wants no more batches of an epoch. Another rank: wait until that is said."""
        if self.rank:
            self._batches.get()
        else:
            self._tell({"batch": False})

    def fail(self, error: Exception) -> None:
        """Another rank: what its own orders wait for has failed in a thread."""
        self._orders.put({"order": "fail", "error": error})

    def _tell(self, message: dict[str, Any]) -> None:
        for line in self._lines.values():
            line.send(message)

    def close(self, error: str | None = None, code: int = 0) -> None:
        """This process ends; what went wrong is said by rank 0, and ends all."""
        for line in self._lines.values():
            if error is not None:
                line.send({"error": error, "code": code})
            line.close()

    def _heard(self, other: int, message: dict[str, Any]) -> None:
        if "order" in message:
            self._orders.put(message)
        elif "batch" in message:
            self._batches.put(message["batch"])
        elif "ready" in message:
            self._ready.release()
        elif "error" in message:
            self.end(f"rank {other}: {message['error']}", int(message["code"]))

    def end(self, line: str, code: int) -> None:
        """End this process from any thread: its own may wait for a rank that is gone."""
        if not self._ending.acquire(blocking=False):
            return
        print(f"error: {line}", file=sys.stderr, flush=True)
        self.close(line if self.rank == 0 else None, code)
        os._exit(code)


def _first_line(connection: socket.socket) -> str:
    found = b""
    while not found.endswith(b"\n") and len(found) < 200:
        piece = connection.recv(1)
        if not piece:
            break
        found += piece
    return found.decode(errors="replace")
