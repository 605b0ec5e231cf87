"""The page's own addresses for where a picture comes from: its parent, its children, and whether its recipe holds."""

from __future__ import annotations

import asyncio
import base64
import threading
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from pipelines.errors import ReverieError

from .branching import BRANCH, NOT_KEPT, asked_branch, steps_of, why_not, written_branch
from .chain import chain_of
from .feed import small_picture
from .finding import GONE
from .library.inputs import lacking
from .library.prove import Proof, prove
from .proving import Watched
from .visitors import FRESH, for_our_page, for_owner

if TYPE_CHECKING:
    from .library.picture import SavedPicture
    from .studio import Studio


def lineage_routes() -> list[Route]:
    """The routes, for FastAPI."""
    return [
        Route("/reverie/lineage/{id}", for_owner(_lineage)),
        Route("/reverie/steps/{id}", for_owner(_steps)),
        Route("/reverie/prove/{id}", for_our_page(_prove), methods=["POST"]),
    ]


async def _lineage(request: Request, studio: Studio, owner: str) -> Response:
    """What the picture was made from, the whole chain from the first picture to it, and what was made from it."""

    def look() -> dict[str, Any] | None:
        picture = studio.library.get(owner, request.path_params["id"])
        if picture is None:
            return None
        parent = studio.library.parent_of(owner, request.path_params["id"])
        children = studio.library.children_of(owner, request.path_params["id"])
        recipe = studio.library.recipe(owner, picture.id) if picture.edit == BRANCH else None
        stages = asked_branch(written_branch(recipe.request.get("stages"))).stages if recipe is not None else ()
        return {
            "branched": stages[-1].until if stages else 0,
            "parent": None if parent is None else small_picture(parent),
            "chain": [small_picture(one) for one in chain_of(studio.library, owner, picture)],
            "children": [small_picture(child) for child in children],
        }

    told = await run_in_threadpool(look)
    return PlainTextResponse(GONE, status_code=404) if told is None else JSONResponse(told, headers=FRESH)


async def _steps(request: Request, studio: Studio, owner: str) -> Response:
    """How a picture looked at its steps, as far as it is remembered, and whether a branch can begin at one."""
    picture_id = request.path_params["id"]
    if await run_in_threadpool(studio.library.get, owner, picture_id) is None:
        return PlainTextResponse(GONE, status_code=404)
    recipe = await run_in_threadpool(studio.library.recipe, owner, picture_id)
    masked = recipe is not None and recipe.task == "inpaint"
    kept = await run_in_threadpool(studio.library.inputs, owner, picture_id) if masked else {}
    strip = studio.strips.of(picture_id)
    steps = max([*strip, steps_of(recipe) if recipe is not None else 0], default=0)
    shown = {step: "data:image/jpeg;base64," + base64.b64encode(jpeg).decode() for step, jpeg in strip.items()}
    return JSONResponse({"steps": steps, "previews": shown, "why_not": why_not(recipe, kept)}, headers=FRESH)


async def _prove(request: Request, studio: Studio, owner: str) -> Response:
    """Makes the picture again; of one studio's visitors one after the other, so that nobody floods it."""
    picture = await run_in_threadpool(studio.library.get, owner, request.path_params["id"])
    if picture is None or picture.path is None:
        return PlainTextResponse(GONE, status_code=404)
    try:
        async with _one_at_a_time(request):
            proof = await run_in_threadpool(_proof, studio, owner, picture)
    except ReverieError as error:
        return JSONResponse({"outcome": "not_possible", "reasons": [str(error)]}, headers=FRESH)
    told = {"outcome": proof.outcome, "reasons": proof.reasons, "largest_difference": proof.largest_difference}
    return JSONResponse({**told, "share": proof.share}, headers=FRESH)


def _proof(studio: Studio, owner: str, picture: SavedPicture) -> Proof:
    """Begins with what is kept of the picture's beginning."""
    assert picture.path is not None
    kept = studio.library.inputs(owner, picture.id)
    if lacking(studio.library.recipe(owner, picture.id), kept):
        return Proof("not_possible", (NOT_KEPT[0].upper() + NOT_KEPT[1:],))
    manager = Watched(studio.manager, owner, lambda _done, _all: None, threading.Event())
    image, mask = kept.get("image"), kept.get("mask_image")
    return prove(picture.path, manager, image=image, mask_image=mask, weights=studio.library.weights)


def _one_at_a_time(request: Request) -> asyncio.Lock:
    state = request.app.state
    if not hasattr(state, "proving"):
        state.proving = asyncio.Lock()
    lock: asyncio.Lock = state.proving
    return lock
