"""Finds the port to serve on."""

from __future__ import annotations

import errno
import os
import socket
from typing import Final

from .flags import FIRST_PORT
from .refusal import CannotStart

MORE: Final = 20
"""Ports tried after the first."""


def free_port(host: str, wanted: int | None) -> int:
    """Finds a port that can be listened on.

    Args:
        host: The address to serve on.
        wanted: The one port that will do; None = 7860 or the next free one.

    Raises:
        CannotStart: The port asked for is taken, all tried ones are, or the address is not this machine's.
    """
    if wanted is not None:
        if not _is_free(host, wanted):
            raise CannotStart(
                f"Port {wanted} is taken by another program (or kept for the system); give another with "
                "--port, or leave it out and a free one is found."
            )
        return wanted
    for port in range(FIRST_PORT, FIRST_PORT + MORE + 1):
        if _is_free(host, port):
            return port
    raise CannotStart(f"Ports {FIRST_PORT} to {FIRST_PORT + MORE} are all taken; give a free one with --port.")


def _is_free(host: str, port: int) -> bool:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            if os.name == "posix":  # elsewhere this option would let two programs share the port
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (socket.gaierror, UnicodeError) as error:
        raise CannotStart(f"--host {host} is no address; use 127.0.0.1, or 0.0.0.0 for the whole network.") from error
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise CannotStart(
                f"--host {host} is not an address of this machine; use 127.0.0.1, or 0.0.0.0 for the whole network."
            ) from error
        return False
    return True
