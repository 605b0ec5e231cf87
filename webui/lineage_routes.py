"""The page's own addresses for where a picture comes from: its parent, its children, and whether its recipe holds."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from pipelines.errors import ReverieError
from pipelines.images import open_upload

from .feed import small_picture
from .finding import GONE
from .library.prove import prove
from .proving import Watched
from .visitors import FRESH, for_our_page, for_owner

if TYPE_CHECKING:
    from .library.picture import SavedPicture
    from .library.prove import Proof
    from .studio import Studio


def lineage_routes() -> list[Route]:
    """The routes, for FastAPI."""
    return [
        Route("/reverie/lineage/{id}", for_owner(_lineage)),
        Route("/reverie/prove/{id}", for_our_page(_prove), methods=["POST"]),
    ]


async def _lineage(request: Request, studio: Studio, owner: str) -> Response:
    """What the picture was made from, and what was made from it."""

    def look() -> dict[str, Any] | None:
        if studio.library.get(owner, request.path_params["id"]) is None:
            return None
        parent = studio.library.parent_of(owner, request.path_params["id"])
        children = studio.library.children_of(owner, request.path_params["id"])
        return {
            "parent": None if parent is None else small_picture(parent),
            "children": [small_picture(child) for child in children],
        }

    told = await run_in_threadpool(look)
    return PlainTextResponse(GONE, status_code=404) if told is None else JSONResponse(told, headers=FRESH)


async def _prove(request: Request, studio: Studio, owner: str) -> Response:
    """Makes the picture again; of one studio's visitors one after the other, so that nobody floods it."""
    picture = await run_in_threadpool(studio.library.get, owner, request.path_params["id"])
    if picture is None or picture.path is None:
        return PlainTextResponse(GONE, status_code=404)
    parent = await run_in_threadpool(studio.library.parent_of, owner, picture.id)
    try:
        async with _one_at_a_time(request):
            proof = await run_in_threadpool(_proof, studio, owner, picture, parent)
    except ReverieError as error:
        return JSONResponse({"outcome": "not_possible", "reasons": [str(error)]}, headers=FRESH)
    told = {"outcome": proof.outcome, "reasons": proof.reasons, "largest_difference": proof.largest_difference}
    return JSONResponse({**told, "share": proof.share}, headers=FRESH)


def _proof(studio: Studio, owner: str, picture: SavedPicture, parent: SavedPicture | None) -> Proof:
    """Image to image begins with the parent, where that is what it began with; an own mask nobody kept."""
    assert picture.path is not None
    manager = Watched(studio.manager, owner, lambda _done, _all: None, threading.Event())
    image = open_upload(parent.path).image if parent is not None and parent.path is not None else None
    return prove(picture.path, manager, image=image, weights=studio.library.weights)


def _one_at_a_time(request: Request) -> asyncio.Lock:
    state = request.app.state
    if not hasattr(state, "proving"):
        state.proving = asyncio.Lock()
    lock: asyncio.Lock = state.proving
    return lock
