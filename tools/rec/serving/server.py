"""A worker: one process with the model, which answers on a socket that all workers share."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from multiprocessing.synchronize import Event
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from rec.console import log, set_up_logging
from rec.errors import UserError
from rec.serving.settings import Settings

if TYPE_CHECKING:
    from rec.serving.service import Service

_ACCEPT, _LINGER = 0.5, 0.5
"""Seconds in which connections are accepted that wait when no more are taken, and in which they bring requests."""


def work(settings: Settings, listening: socket.socket, ready: Event) -> None:
    """Serve until a signal or the end of the parent; exit code 2 where there is no model to be served."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # until it serves: of Ctrl-C the parent tells it by SIGTERM
    set_up_logging()
    # Imported here: prometheus_client looks at the environment then.
    from rec.serving.app import create_app
    from rec.serving.service import Service

    try:
        service = Service(settings)
    except UserError as error:
        print(f"error: {' '.join(str(error).splitlines())}", file=sys.stderr)
        sys.exit(2)
    config = uvicorn.Config(
        create_app(service), log_config=None, log_level="warning", access_log=False, lifespan="on", ws="none",
        server_header=False, timeout_graceful_shutdown=int(settings.timeout) + 1,
    )  # fmt: skip
    Server(config, service, ready).run([listening])


class Server(uvicorn.Server):
    """Ends without losing a request.

    After a signal it goes on for `settings.drain` seconds, while `/readyz` says 503 and each answer closes its
    connection; then it accepts what waits (`take_no_more`), answers, and ends. A second Ctrl-C cuts the waiting short.
    """

    def __init__(self, config: uvicorn.Config, service: Service, ready: Event) -> None:
        super().__init__(config)
        self._service, self._ready, self._parent = service, ready, os.getppid()
        self._end: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        await super().startup(sockets)
        self._ready.set()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end."""
        self.should_exit = self._end is not None and sig == signal.SIGINT
        self._service.draining = True
        self._end = self._end or time.monotonic() + self._service.settings.drain + _ACCEPT

    async def on_tick(self, counter: int) -> bool:
        """Whether it is time to stop; asked every 0.1 seconds."""
        if self._end is None and os.getppid() != self._parent:
            log.error("the parent process has gone: worker %d ends", os.getpid())
            self.handle_exit(signal.SIGTERM, None)
        done = self._end is not None and time.monotonic() >= self._end
        return await super().on_tick(counter) or done

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, answer those that there are."""
        for server in self.servers:
            server.close()
        await asyncio.sleep(_LINGER)
        await super().shutdown(sockets)
