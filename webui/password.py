"""Who may come in: nobody strange reaches a page that others can reach, unless its owner says so."""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass

from .flags import Flags


@dataclass(frozen=True, slots=True)
class Access:
    """What visitors are asked for.

    Attributes:
        accounts: Names and passwords; empty = nobody is asked.
        made: The password that was made up just now, to be printed once; None when none was.
    """

    accounts: tuple[tuple[str, str], ...]
    made: str | None = None


USER = "dream"
"""The name that goes with a password made here."""


def access(flags: Flags, *, space: bool = False) -> Access:
    """Decides what visitors are asked for.

    Args:
        flags: The command line.
        space: This is a Hugging Face Space, which is public by design.
    """
    if flags.auth:
        return Access(flags.auth)
    if space or flags.no_auth or not exposed(flags):
        return Access(())
    password = secrets.token_urlsafe(12)
    return Access(((USER, password),), made=password)


def exposed(flags: Flags) -> bool:
    """Tells whether anybody but the people at this machine can reach the page."""
    return flags.share or not loopback(flags.host)


def loopback(host: str) -> bool:
    """Tells whether an address is reached from this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
