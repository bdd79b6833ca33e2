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
from collections.abc import Sequence
from multiprocessing.context import SpawnProcess

from rec.console import log
from rec.serving.listening import listen, take_no_more
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


class _Worker:
    """A worker's process.

    Attributes:
        ready: set when it answers.
        announced: whether that has been said.
    """

    def __init__(self, settings: Settings, listening: socket.socket) -> None:
        self.ready, self.announced = _spawn.Event(), False
        self.process = _spawn.Process(target=work, args=(settings, listening, self.ready))
        self.process.start()


class _Supervisor:
    """Starts workers, starts others for those that die, and ends them."""

    def __init__(self, settings: Settings, listening: socket.socket) -> None:
        self._settings, self._socket = settings, listening
        self._workers: list[_Worker] = []
        self._stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())

    def run(self) -> int:
        """The exit code: that of the first worker, if it never got as far as to answer."""
        first = self._start()
        self._workers = [first]
        while not first.ready.is_set():
            if self._stop.wait(0.02):
                return self._end()
            if first.process.exitcode is not None:
                return first.process.exitcode or 1
        host, port = self._socket.getsockname()[:2]
        log.info("serving %s at http://%s:%d", self._settings.export, f"[{host}]" if ":" in host else host, port)
        self._workers += [self._start() for _ in range(self._settings.workers - 1)]
        while not self._stop.wait(_LOOK):
            self._workers = [self._kept(worker) for worker in self._workers]
        return self._end()

    def _start(self) -> _Worker:
        return _Worker(self._settings, self._socket)

    def _kept(self, worker: _Worker) -> _Worker:
        """A worker, or another in its place."""
        process = worker.process
        if process.exitcode is not None:
            log.error("worker %d ended with %d: another is started", process.pid, process.exitcode)
            return self._start()
        if worker.ready.is_set() and not worker.announced:
            log.info("worker %d answers", process.pid)
            worker.announced = True
        return worker

    def _end(self) -> int:
        processes = [worker.process for worker in self._workers]
        for process in processes:
            process.terminate()
        _join(processes, self._settings.drain)
        take_no_more(self._socket)
        self._socket.close()
        _join(processes, self._settings.timeout + 10)
        for process in processes:
            if process.exitcode is None:
                log.error("worker %d does not end: killed", process.pid)
                process.kill()
        log.info("ended")
        return 0


def _join(processes: Sequence[SpawnProcess], seconds: float) -> None:
    """Wait for all to end, but no longer."""
    until = time.monotonic() + seconds
    for process in processes:
        process.join(max(0.0, until - time.monotonic()))
