"""Prometheus' metrics of all workers, and the middleware that counts requests."""

from __future__ import annotations

import os
import time
from typing import Any

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable of the folder in which workers share what they count."""

REQUESTS = Counter("ranker_requests", "Requests answered", ["path", "status"])
SECONDS = Histogram(
    "ranker_request_seconds", "Seconds from a request's first byte to its answer", ["path"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)  # fmt: skip
ROWS = Histogram(
    "ranker_request_rows", "Candidates or rows of a request", ["path"], buckets=(1, 10, 50, 100, 200, 500, 1000, 5000)
)
RELOADS = Counter("ranker_reloads", "New exports, each counted by each worker", ["result"])


def exposition() -> bytes:
    """The metrics of all workers as text."""
    if FOLDER not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return generate_latest(registry)


class Observed:
    """Counts an application's requests.

    Args:
        app: ASGI's.
        paths: that are told apart; a caller may think of any number of others.
    """

    def __init__(self, app: Any, paths: frozenset[str]) -> None:
        self._app, self._paths = app, paths

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 499  # nobody was there any more to be answered

        async def noting(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            path = scope["path"] if scope["path"] in self._paths else "other"
            REQUESTS.labels(path, status).inc()
            SECONDS.labels(path).observe(time.perf_counter() - begun)
