"""Whose pictures are whose: every browser that reaches a shared studio holds a secret token of its own."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE: Final = "reverie_owner"
LOCAL_OWNER: Final = "local"
"""The one owner of a studio that only its own machine reaches: clearing cookies loses nothing there."""

TOKEN: Final = re.compile(r"[0-9a-f]{32}")
YEAR: Final = 365 * 24 * 3600


class OwnerCookie:
    """ASGI middleware that gives a browser without a token one of 128 random bits.

    The handlers of that same first visit see it already. Scripts cannot read the cookie (HttpOnly), and other sites
    cannot make a browser send it (SameSite=Lax).

    Args:
        app: What is asked next.
        framed: The page lives inside another site's frame, as on a Hugging Face Space; browsers then send a cookie
            only if it is ``SameSite=None; Secure; Partitioned``, which keeps it to that one site's frame.
    """

    def __init__(self, app: ASGIApp, *, framed: bool = False) -> None:
        self.app = app
        self._rules = "SameSite=None; Secure; Partitioned" if framed else "SameSite=Lax"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, with a token in it."""
        if scope["type"] != "http" or owner_in(cookies_of(scope)) is not None:
            await self.app(scope, receive, send)
            return
        token = secrets.token_hex(16)
        cookie = f"{COOKIE}={token}"
        carried = "; ".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie")
        others = [part for part in carried.split("; ") if part and not part.startswith(f"{COOKIE}=")]
        headers = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
        headers.append((b"cookie", "; ".join([*others, cookie]).encode("latin-1")))

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                rules = f"{cookie}; Path=/; Max-Age={YEAR}; HttpOnly; {self._rules}"
                MutableHeaders(scope=message).append("set-cookie", rules)
            await send(message)

        await self.app({**scope, "headers": headers}, receive, send_with_cookie)


def cookies_of(scope: Scope) -> dict[str, str]:
    """The cookies of a request, none where they cannot be read."""
    jar = SimpleCookie()
    for name, value in scope["headers"]:
        if name == b"cookie":
            try:
                jar.load(value.decode("latin-1"))
            except CookieError:
                continue
    return {name: morsel.value for name, morsel in jar.items()}


def owner_in(cookies: Mapping[str, str]) -> str | None:
    """The owner's token among cookies, or None where there is none or it is no token of ours."""
    token = cookies.get(COOKIE, "")
    return token if TOKEN.fullmatch(token) else None
