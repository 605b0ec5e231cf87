"""Shuts the network off for a process, but for this machine itself: a test that reaches out fails."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path
from typing import Any

INTERNET = (socket.AF_INET, socket.AF_INET6)

NOBODY = ("192.0.2.1", 9)
"""Where nobody is; a datagram socket that connects there sends nothing and learns this machine's own address."""

REPORT = "reached-out.txt"
"""Where :func:`write_sitecustomize` has attempts written, beside the script itself."""


class ReachedOut(AssertionError):
    """Something tried to leave this machine."""


def shut_network(patch: Any = setattr, *, report: str | None = None) -> None:
    """Replaces the ways out of the ``socket`` module.

    Args:
        patch: Sets an attribute; pytest's ``monkeypatch.setattr`` undoes it afterwards.
        report: A file that every attempt is added to, in case whoever makes it swallows the error.
    """

    def check(host: Any) -> None:
        try:
            _check_host(host)
        except ReachedOut as attempt:
            if report:
                with Path(report).open("a", encoding="utf-8") as lines:
                    lines.write(f"{attempt}\n")
            raise

    connect, connect_ex, lookup = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family in INTERNET and not (self.type == socket.SOCK_DGRAM and address == NOBODY):
            check(address[0])
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        if self.family in INTERNET:
            check(address[0])
        return connect_ex(self, address)

    def guarded_lookup(host: Any, *arguments: Any, **named: Any) -> Any:
        if not _is_address(host):  # an address is not looked up anywhere; reaching it is caught above
            check(host)
        return lookup(host, *arguments, **named)

    patch(socket.socket, "connect", guarded_connect)
    patch(socket.socket, "connect_ex", guarded_connect_ex)
    patch(socket, "getaddrinfo", guarded_lookup)


def write_sitecustomize(folder: Path) -> None:
    """Makes every Python that is started with ``PYTHONPATH=folder`` shut its network first."""
    report = str(folder / REPORT)
    script = f"import runpy; runpy.run_path({__file__!r})['shut_network'](report={report!r})\n"
    (folder / "sitecustomize.py").write_text(script, encoding="utf-8")


def _check_host(host: Any) -> None:
    text = _text(host)
    if text in (None, "", "localhost", "0.0.0.0", "::") or text == socket.gethostname():
        return
    if not (_is_address(host) and ipaddress.ip_address(text).is_loopback):
        raise ReachedOut(f"a test reached for {text}, outside this machine")


def _is_address(host: Any) -> bool:
    try:
        ipaddress.ip_address(_text(host))
    except ValueError:
        return False
    return True


def _text(host: Any) -> Any:
    return host.decode() if isinstance(host, bytes) else host
