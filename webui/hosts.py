"""A studio without a password answers to this machine's own names only.

Else a page from anywhere could give its own name this machine's address, and have the browser read the pictures
(DNS rebinding).
"""

from __future__ import annotations

import ipaddress

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class ThisMachineOnly:
    """ASGI middleware that refuses requests which call the studio by any but a loopback name.

    Args:
        app: What is asked next.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers 421 with a sentence."""
        name = (
            host_name(Headers(scope=scope).get("host", "")) if scope["type"] in ("http", "websocket") else "localhost"
        )
        if is_loopback(name):
            await self.app(scope, receive, send)
            return
        answer = PlainTextResponse(
            "This studio answers to localhost only; to reach it by another name, start it with --auth NAME:PASSWORD.",
            status_code=421,
        )
        await answer(scope, receive, send)


def host_name(header: str) -> str:
    """The name in a Host header, without port and brackets."""
    return header[1 : header.find("]")] if header.startswith("[") else header.rpartition(":")[0] or header


def is_loopback(name: str) -> bool:
    """Whether a name always means this machine."""
    if name.lower().rstrip(".") == "localhost" or name.lower().endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
