"""A service under load: clients that notice any request without an answer."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def post(port: int, path: str, content: Any) -> tuple[int, Any]:
    """Status and answer of one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", path, json.dumps(content), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


class Client(threading.Thread):
    """Asks again and again, on one connection as long as the service keeps it.

    Attributes:
        answers: what it was told.
        lost: what went wrong, but for a connection that was refused, which ends it: that request was never taken.
    """

    def __init__(self, port: int, request: Any, keep: bool) -> None:
        super().__init__(daemon=True)
        self._port, self._body, self._keep = port, json.dumps(request), keep
        self.answers: list[Any] = []
        self.lost: list[str] = []
        self.stopping = False

    def run(self) -> None:
        connection = None
        while not self.stopping:
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
                try:
                    connection.connect()
                except ConnectionRefusedError:
                    return
            try:
                connection.request("POST", "/rank", self._body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                content = json.loads(answer.read())
            except Exception as error:
                self.lost.append(repr(error))
                return
            if answer.status != 200:
                self.lost.append(f"{answer.status} {content}")
            self.answers.append(content)
            if not self._keep or answer.will_close:
                connection.close()
                connection = None


@contextmanager
def load(port: int, request: Any) -> Iterator[list[Client]]:
    """Four clients, two of which keep their connection; none has lost a request at the end."""
    clients = [Client(port, request, keep=number % 2 == 0) for number in range(4)]
    for client in clients:
        client.start()
    try:
        yield clients
    finally:
        for client in clients:
            client.stopping = True
        for client in clients:
            client.join(30)
    assert [lost for client in clients for lost in client.lost] == []
