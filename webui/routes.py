"""The page's own addresses for looking: what goes on, the feed, and the pictures."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from .download_routes import download_routes
from .enlarging import upscalers_of
from .feed import feed_page, picture_row
from .filling import style_words
from .finding import GONE, find_picture
from .languages import language_names, translation
from .library.search import Filters
from .library_routes import library_routes
from .lineage_routes import lineage_routes
from .model_routes import model_routes
from .print_routes import print_routes
from .replay_routes import replay_routes
from .stream import watch
from .visitors import FRESH, for_owner

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .studio import Studio

PICTURE_HEADERS: Final = {
    "Cache-Control": "private, max-age=31536000, immutable",  # a picture never changes under its id
    "X-Content-Type-Options": "nosniff",
    "Vary": "Cookie",
}
STREAM_HEADERS: Final = {**FRESH, "X-Accel-Buffering": "no"}


def page_routes() -> list[Route]:
    """The routes, for FastAPI; each finds the studio through the app that serves it."""
    return [
        Route("/reverie/live", for_owner(_live)),
        Route("/reverie/alive", for_owner(_alive)),
        Route("/reverie/feed", for_owner(_feed)),
        Route("/reverie/facets", for_owner(_facets)),
        Route("/reverie/row/{id}", for_owner(_one_row)),
        Route("/reverie/upscalers", for_owner(_upscalers)),
        Route("/reverie/language/{code}", for_owner(_language)),
        Route("/reverie/picture/{id}", for_owner(_picture)),
        Route("/reverie/thumbnail/{id}", for_owner(_thumbnail)),
        *library_routes(),
        *download_routes(),
        *lineage_routes(),
        *model_routes(),
        *print_routes(),
        *replay_routes(),
    ]


def filters_in(query: Mapping[str, str]) -> Filters:
    """What an address asks for; a date that cannot be read counts as none."""
    return Filters(
        words=query.get("words", ""),
        model=query.get("model"),
        style=query.get("style"),
        starred=query.get("starred") == "1",
        since=_moment(query.get("since")),
        until=_moment(query.get("until")),
    )


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat((text or "").replace("Z", "+00:00")).astimezone() if text else None
    except (ValueError, OverflowError):
        return None


async def _live(_request: Request, studio: Studio, owner: str) -> Response:
    return StreamingResponse(watch(studio, owner), media_type="text/event-stream", headers=STREAM_HEADERS)


async def _alive(_request: Request, studio: Studio, owner: str) -> Response:
    """Somebody answers, with the owner's newest job: a page that does not know it yet listens again."""
    newest = next((job.id for job in studio.queue.jobs(owner)), "")
    return PlainTextResponse(newest, headers=FRESH)


async def _feed(request: Request, studio: Studio, owner: str) -> Response:
    query = request.query_params
    place = {name: query.get(name) for name in ("after", "upto")}
    return JSONResponse(await run_in_threadpool(feed_page, studio, owner, filters_in(query), **place), headers=FRESH)


async def _facets(_request: Request, studio: Studio, owner: str) -> Response:
    """The models and styles there are pictures of, by their names on the page."""
    found = await run_in_threadpool(studio.library.facets, owner)
    names = {info.id: info.name for info in studio.models.values()}
    told = {
        kind: [
            {
                "id": each,
                "name": names.get(each, each) if kind == "model" else style_words(studio, each),
                "count": count,
            }
            for each, count in counts.items()
        ]
        for kind, counts in found.items()
    }
    return JSONResponse(told, headers=FRESH)


async def _upscalers(_request: Request, studio: Studio, _owner: str) -> Response:
    """What a picture can be enlarged by."""
    return JSONResponse({"names": await run_in_threadpool(upscalers_of, studio)}, headers=FRESH)


async def _language(request: Request, _studio: Studio, _owner: str) -> Response:
    code = request.path_params["code"]
    if code not in language_names():
        return PlainTextResponse(f"The studio does not speak {code!r}.", status_code=404)
    return JSONResponse(await run_in_threadpool(translation, code), headers=FRESH)


async def _one_row(request: Request, studio: Studio, owner: str) -> Response:
    picture = await run_in_threadpool(find_picture, studio, owner, request.path_params["id"])
    if picture is None:
        return PlainTextResponse(GONE, status_code=404)
    return JSONResponse(await run_in_threadpool(picture_row, studio, picture), headers=FRESH)


async def _picture(request: Request, studio: Studio, owner: str) -> Response:
    trashed = "trashed" in request.query_params
    picture = await run_in_threadpool(find_picture, studio, owner, request.path_params["id"], trashed=trashed)
    if picture is None:
        return PlainTextResponse("There is no such picture.", status_code=404)
    headers = {**PICTURE_HEADERS, "Content-Disposition": "inline"}
    if picture.path is None:
        return Response(picture.image, media_type=picture.media_type, headers=headers)
    return FileResponse(picture.path, media_type=picture.media_type, headers=headers)


async def _thumbnail(request: Request, studio: Studio, owner: str) -> Response:
    trashed = "trashed" in request.query_params
    picture = await run_in_threadpool(find_picture, studio, owner, request.path_params["id"], trashed=trashed)
    if picture is None:
        return PlainTextResponse("There is no such picture.", status_code=404)
    small = await run_in_threadpool(studio.library.thumbnail, picture.id)
    if small is not None:
        return Response(small, media_type="image/jpeg", headers=PICTURE_HEADERS)
    return await _picture(request, studio, owner)
