"""What a request must pass before the application sees it: key, size and time."""

from __future__ import annotations

import asyncio
import hmac
import json
from typing import Any

from rec.serving.service import Service

OPEN = frozenset({"/", "/healthz", "/readyz"})
"""Paths that need no key: probes', and the page, which asks for it."""


class Gate:
    """Lets requests through to an application (ASGI's), or answers them itself.

    A body is read whole before the application is called, so that neither a large one nor a slow one costs more than
    its bytes. While the service is about to end, every answer closes its connection: the next request goes elsewhere.
    """

    def __init__(self, app: Any, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = _Request(scope, receive, send, self._service)
        if self._service.settings.key and scope["path"] not in OPEN and not request.has_key():
            await request.refuse(401, "the header Authorization should be: Bearer KEY")
            return
        seconds = self._service.settings.timeout
        try:
            await asyncio.wait_for(request.pass_on(self._app), seconds)
        except asyncio.TimeoutError:
            if request.answered:  # whoever asked is too slow to read
                raise
            if request.body is None:
                await request.refuse(408, f"the body did not arrive within {seconds:g} seconds")
            else:
                await request.refuse(503, f"there was no answer within {seconds:g} seconds: too many requests")


class _Request:
    """One request on its way.

    Attributes:
        body: of it; None: it has not been read.
        answered: whether the answer has begun.
    """

    def __init__(self, scope: Any, receive: Any, send: Any, service: Service) -> None:
        self._scope, self._receive, self._send, self._service = scope, receive, send, service
        self._headers = dict(scope["headers"])
        self.body: bytes | None = None
        self.answered = False

    def has_key(self) -> bool:
        """Whether it shows the service's key."""
        given = self._headers.get(b"authorization", b"")
        return hmac.compare_digest(given, f"Bearer {self._service.settings.key}".encode())

    async def pass_on(self, app: Any) -> None:
        """Read the body and call the application."""
        largest = self._service.settings.max_body
        declared = self._headers.get(b"content-length", b"0")
        body = None if declared.isdigit() and int(declared) > largest else await self._read(largest)
        if body is None:
            await self.refuse(413, f"the body is larger than {largest} bytes")
            return
        self.body = body
        await app(self._scope, self._again(body), self._answer)

    async def _read(self, largest: int) -> bytes | None:
        """The body; None: it is too large."""
        found = bytearray()
        while len(found) <= largest:
            message = await self._receive()
            found += message.get("body", b"")
            if not message.get("more_body"):
                return bytes(found) if len(found) <= largest else None
        return None

    def _again(self, body: bytes) -> Any:
        given = False

        async def receive() -> Any:
            nonlocal given
            if given:
                return await self._receive()  # that the caller has gone
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        return receive

    async def _answer(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.answered = True
            if self._service.draining:
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        await self._send(message)

    async def refuse(self, status: int, error: str) -> None:
        """Answer with an error; what is left of the body is not waited for."""
        body = json.dumps({"error": error}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        headers += [(b"connection", b"close")] if self.body is None else []
        headers += [(b"www-authenticate", b"Bearer")] if status == 401 else []
        await self._answer({"type": "http.response.start", "status": status, "headers": headers})
        await self._answer({"type": "http.response.body", "body": body})
