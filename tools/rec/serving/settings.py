"""What a service is told."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

KEY = "RANKER_API_KEY"
"""The environment variable of the key that callers show: command lines can be read by others on the machine."""


@dataclass(frozen=True)
class Settings:
    """What a service is told.

    Attributes:
        export: folder of the model.
        host, port: where it listens.
        workers: processes, each with the model.
        max_candidates: of a request, or rows.
        max_body: bytes of a request.
        timeout: seconds of a request, from its first byte to its answer.
        drain: seconds after SIGTERM in which new requests are still taken.
        key: that callers show; empty: none is asked for.
    """

    export: Path
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    max_candidates: int = 1000
    max_body: int = 4 << 20
    timeout: float = 2.0
    drain: float = 1.0
    key: str = ""

    @property
    def local(self) -> bool:
        """Whether this machine alone can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"
