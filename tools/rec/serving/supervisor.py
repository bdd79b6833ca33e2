"""The process that holds the socket and keeps the workers alive."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from multiprocessing.context import SpawnProcess
from typing import Any

from rec.console import log
from rec.errors import UserError
from rec.serving.server import work
from rec.serving.settings import Settings

_LOOK = 0.2
"""Seconds between two looks at the workers."""

_spawn = multiprocessing.get_context("spawn")


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        UserError: nothing can listen there.
    """
    with tempfile.TemporaryDirectory(prefix="ranker-metrics-") as folder, listen(settings) as listening:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # for the workers, which share what they count there
        code = _Supervisor(settings, listening).run()
    if code:
        sys.exit(code)


def listen(settings: Settings) -> socket.socket:
    """A socket that is bound.

    Raises:
        UserError: the address is in use, or none of this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[
            0
        ]
        found = socket.socket(family, kind, protocol)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
    except (OSError, OverflowError) as error:
        raise UserError(f"--host {settings.host} --port {settings.port}: cannot listen there: {error}") from None
    return found


class _Supervisor:
    """Starts workers, starts others for those that die, and ends them."""

    def __init__(self, settings: Settings, listening: socket.socket) -> None:
        self._settings, self._socket = settings, listening
        self._ready = _spawn.Event()
        self._workers: list[SpawnProcess] = []
        self._stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask_to_stop)

    def run(self) -> int:
        """The exit code: that of the first worker, if it never got as far as to serve."""
        self._workers = [self._start()]
        while not self._ready.is_set():
            if self._stop.wait(0.02):
                return self._end()
            if self._workers[0].exitcode is not None:
                return self._workers[0].exitcode or 1
        self._workers += [self._start() for _ in range(self._settings.workers - 1)]
        host, port = self._socket.getsockname()[:2]
        log.info("serving %s at http://%s:%d, %d workers", self._settings.export, host, port, len(self._workers))
        while not self._stop.wait(_LOOK):
            for place, worker in enumerate(self._workers):
                if worker.exitcode is not None:
                    log.error("worker %d ended with %d: another is started", worker.pid, worker.exitcode)
                    self._workers[place] = self._start()
        return self._end()

    def _start(self) -> SpawnProcess:
        worker = _spawn.Process(target=work, args=(self._settings, self._socket, self._ready))
        worker.start()
        return worker

    def _end(self) -> int:
        # First: once the workers close theirs too, nobody waits on a socket that no one accepts from.
        self._socket.close()
        for worker in self._workers:
            worker.terminate()
        until = time.monotonic() + self._settings.drain + self._settings.timeout + 10
        for worker in self._workers:
            worker.join(max(0.0, until - time.monotonic()))
            if worker.exitcode is None:
                log.error("worker %d does not end: killed", worker.pid)
                worker.kill()
        log.info("ended")
        return 0

    def _ask_to_stop(self, *_: Any) -> None:
        self._stop.set()
