"""The socket that all workers accept connections from: how it begins and how it ends."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import socket
import struct
import sys

from rec.errors import UserError
from rec.serving.settings import Settings

_ATTACH_FILTER = 26

_NO_SYN = ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))
"""A program of Berkeley's packet filter: load a TCP header's flags; is SYN set? Then drop the packet, else keep it."""


def take_no_more(listening: socket.socket) -> None:
    """Drop requests for new connections, where the system can; those that wait to be accepted still are.

    When the last process closes a listening socket, the system resets the connections that wait there, so nothing may
    come to wait between the last look and the closing. Who asks for one in that time asks again after a second, and is
    refused.
    """
    if sys.platform == "linux":
        filtered = ctypes.create_string_buffer(struct.pack("=" + "HBBI" * len(_NO_SYN), *itertools.chain(*_NO_SYN)))
        program = struct.pack("HP", len(_NO_SYN), ctypes.addressof(filtered))
        with contextlib.suppress(OSError):  # a sandbox may know no filters
            listening.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)


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
