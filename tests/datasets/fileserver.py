"""A local HTTP server with byte ranges that can be slow, fail, break off, or keep quiet about lengths."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Behaviour:
    """What the server does, and what was asked of it."""

    files: dict[str, bytes] = field(default_factory=dict)
    fail: int = 0
    """So many GETs are answered by 503 before one succeeds."""
    stall_after: int | None = None
    """Send so many bytes, then wait for `go_on`."""
    break_after: int | None = None
    """Send so many bytes of each answer, then close the connection."""
    lengths: bool = True
    """Whether HEAD tells the length."""
    gets: list[tuple[str, int]] = field(default_factory=list)
    """(path, first byte) of every GET."""
    stalled: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def add(self, folder: Path) -> None:
        self.files |= {f"/{path.name}": path.read_bytes() for path in folder.iterdir()}


class _Handler(http.server.BaseHTTPRequestHandler):
    behaviour: Behaviour

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self):
        self._answer(b"")

    def do_GET(self):
        behaviour = self.behaviour
        first = int(re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "bytes=0-"))[1])
        behaviour.gets.append((self.path, first))
        if behaviour.fail:
            behaviour.fail -= 1
            self.send_error(503)
            return
        body = behaviour.files.get(self.path, b"")[first:]
        if not self._answer(body, first):
            return
        stop = behaviour.break_after if behaviour.break_after is not None else behaviour.stall_after
        self.wfile.write(body[:stop])
        self.wfile.flush()
        if behaviour.break_after is None and stop is not None:
            behaviour.stalled.set()
            behaviour.go_on.wait(30)
            self.wfile.write(body[stop:])

    def _answer(self, body: bytes, first: int = 0) -> bool:
        content = self.behaviour.files.get(self.path)
        if content is None:
            self.send_error(404)
            return False
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        if self.behaviour.lengths or self.command == "GET":
            self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        return True


@contextmanager
def serving() -> Iterator[Behaviour]:
    """A server on a free local port for the time of the block."""
    behaviour = Behaviour()
    handler = type("Handler", (_Handler,), {"behaviour": behaviour})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        behaviour.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield behaviour
        behaviour.go_on.set()
        server.shutdown()
