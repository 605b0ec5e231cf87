"""This machine's own address in the network, for whoever wants to open the page from another machine."""

from __future__ import annotations

import ipaddress
import socket
from typing import Final

NOBODY: Final = ("192.0.2.1", 9)
"""An address at which nobody is (RFC 5737); the system says from where it would be reached, and nothing is sent."""


def addresses(host: str, port: int) -> list[str]:
    """The page's addresses for other machines; none unless it is served on every address of this one.

    Args:
        host: What is served on.
        port: Where.
    """
    own = own_address() if host.strip("[]") in ("0.0.0.0", "::") else None  # noqa: S104 - looked at, not bound
    return [f"http://{own}:{port}/"] if own else []


def own_address() -> str | None:
    """This machine's IPv4 address in its network; None where it is in none."""
    found = None
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(NOBODY)
            found = str(probe.getsockname()[0])
    except OSError:  # no way out; its own name may still tell
        try:
            found = next(iter(socket.gethostbyname_ex(socket.gethostname())[2]), None)
        except OSError:
            return None
    return found if found and not ipaddress.ip_address(found).is_loopback else None
