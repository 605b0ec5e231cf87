"""The page's own addresses: what goes on, the feed, and the pictures; each answers a picture's owner and nobody else.

Gradio guards only its own addresses by the login, so each of these asks Gradio whether the visitor has come in.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from .feed import feed_page
from .stream import watch
from .studio import NoOwner, Studio

if TYPE_CHECKING:
    from .library.picture import SavedPicture

Answer = Callable[[Request, Studio, str], Awaitable[Response]]

PICTURE_HEADERS: Final = {
    "Cache-Control": "private, max-age=31536000, immutable",  # a picture never changes under its id
    "X-Content-Type-Options": "nosniff",
    "Vary": "Cookie",
}
STREAM_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def page_routes() -> list[Route]:
    """The routes, for FastAPI; each finds the studio through the app that serves it."""
    return [
        Route("/reverie/live", _for_owner(_live)),
        Route("/reverie/alive", _for_owner(_alive)),
        Route("/reverie/feed", _for_owner(_feed)),
        Route("/reverie/picture/{id}", _for_owner(_picture)),
        Route("/reverie/thumbnail/{id}", _for_owner(_thumbnail)),
    ]


def _for_owner(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
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


async def _live(_request: Request, studio: Studio, owner: str) -> Response:
    return StreamingResponse(watch(studio, owner), media_type="text/event-stream", headers=STREAM_HEADERS)


async def _alive(_request: Request, _studio: Studio, _owner: str) -> Response:
    """Nothing but the fact that somebody answers."""
    return Response(status_code=204, headers={"Cache-Control": "no-store"})


async def _feed(request: Request, studio: Studio, owner: str) -> Response:
    before = request.query_params.get("before")
    page = await run_in_threadpool(feed_page, studio, owner, before=before)
    return JSONResponse(page, headers={"Cache-Control": "no-store"})


async def _picture(request: Request, studio: Studio, owner: str) -> Response:
    picture = await run_in_threadpool(find_picture, studio, owner, request.path_params["id"])
    if picture is None:
        return PlainTextResponse("There is no such picture.", status_code=404)
    name = f"reverie-{picture.created:%Y%m%d-%H%M%S}-{picture.seed}.png"
    kind = "attachment" if "download" in request.query_params else "inline"
    headers = {**PICTURE_HEADERS, "Content-Disposition": f'{kind}; filename="{name}"'}
    if picture.path is None:
        return Response(picture.image, media_type="image/png", headers=headers)
    return FileResponse(picture.path, media_type="image/png", headers=headers)


async def _thumbnail(request: Request, studio: Studio, owner: str) -> Response:
    picture = await run_in_threadpool(find_picture, studio, owner, request.path_params["id"])
    if picture is None:
        return PlainTextResponse("There is no such picture.", status_code=404)
    small = await run_in_threadpool(studio.library.thumbnail, picture.id)
    if small is not None:
        return Response(small, media_type="image/jpeg", headers=PICTURE_HEADERS)
    return await _picture(request, studio, owner)


def find_picture(studio: Studio, owner: str, picture_id: str) -> SavedPicture | None:
    """One of an owner's pictures: from the library, or, where the disk did not take it, from the job that made it."""
    kept: SavedPicture | None = studio.library.get(owner, picture_id)
    if kept is not None:
        return kept
    finished = (picture.saved for job in studio.queue.jobs(owner) for picture in job.view().pictures)
    unsaved = (saved for saved in finished if saved is not None and saved.image is not None)
    return next((saved for saved in unsaved if saved.id == picture_id), None)
