"""Where other hosts find this one."""

from __future__ import annotations

import os
import socket
import struct

_ADDRESS_OF = 0x8915
"""Linux's SIOCGIFADDR."""


def own_host() -> str:
    """This host's address, as the launcher tells the others."""
    return os.environ.get("PADDLE_CURRENT_ENDPOINT", "").rpartition(":")[0] or socket.gethostname()


def interface_of(address: str) -> str | None:
    """The network interface that has an address; None where that cannot be found."""
    import fcntl  # where there is none there is no launcher either

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        for _, name in socket.if_nameindex():
            try:
                found = fcntl.ioctl(asked, _ADDRESS_OF, struct.pack("256s", name.encode()))
            except OSError:  # it has no address
                continue
            if socket.inet_ntoa(found[20:24]) == address:
                return name
    return None


def free_port(host: str) -> int:
    """A port that nobody listens at."""
    with socket.create_server((host, 0)) as server:
        return int(server.getsockname()[1])
