"""Who may ask for what: each address of the page answers an owner who has come in, and nobody else.

Gradio guards only its own addresses by the login, so each of these asks Gradio whether the visitor has come in.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from .studio import NoOwner, Studio

Answer = Callable[[Request, Studio, str], Awaitable[Response]]

FRESH: Final = {"Cache-Control": "no-store"}
"""Headers of whatever may be another answer the next time."""

MOST_PICTURES: Final = 5000
"""Pictures that one call may name."""

OURS: Final = "x-reverie"
"""A header that our own script sends; another site's page cannot without the browser asking us first."""


def for_owner(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    """Makes a route's endpoint of an answer that is told whose visit it is."""

    async def guarded(request: Request) -> Response:
        app = request.app
        if not await signed_in(app, request):
            return PlainTextResponse("Log in first.", status_code=401)
        studio: Studio = app.get_blocks().studio
        try:
            owner = studio.owner(request.cookies)
        except NoOwner as error:
            return PlainTextResponse(str(error), status_code=403)
        return await answer(request, studio, owner)

    return guarded


def for_our_page(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    """The same for an answer that changes something: only the page's own script is listened to."""
    guarded = for_owner(answer)

    async def ours(request: Request) -> Response:
        if OURS not in request.headers:
            return PlainTextResponse("Only the studio's own page can do this.", status_code=403)
        return await guarded(request)

    return ours


async def signed_in(app: Any, request: Request) -> bool:
    """Whether Gradio's login lets this visitor in; it does when there is no login.

    Args:
        app: The ``gradio.routes.App`` that serves the page.
        request: The visitor's request.
    """
    if app.auth_dependency is not None:
        user = app.auth_dependency(request)
        return (await user if inspect.isawaitable(user) else user) is not None
    if app.auth is None:
        return True
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    token = next((request.cookies[name] for name in names if request.cookies.get(name)), None)
    return token is not None and app.tokens.get(token) is not None
