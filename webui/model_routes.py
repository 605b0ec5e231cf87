"""The Models tab's own addresses: what there is, looking anew, unloading, and fetching from the Hub."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .models_told import models_told
from .visitors import FRESH, for_our_page, for_owner

if TYPE_CHECKING:
    from .studio import Studio

HOST_ONLY: Final = "Only whoever sits at this machine can do this; the studio is shared."
LONGEST_ID: Final = 200


def model_routes() -> list[Route]:
    """The routes, for FastAPI."""
    changing: Any = {"methods": ["POST"]}
    return [
        Route("/reverie/models", for_owner(_models)),
        Route("/reverie/models/refresh", for_our_page(_refresh), **changing),
        Route("/reverie/models/unload", for_our_page(_unload), **changing),
        Route("/reverie/models/fetch", for_our_page(_fetch), **changing),
        Route("/reverie/models/stop", for_our_page(_stop), **changing),
    ]


async def _models(_request: Request, studio: Studio, _owner: str) -> Response:
    return await _told(studio)


async def _refresh(_request: Request, studio: Studio, _owner: str) -> Response:
    catalogue = getattr(studio.manager, "catalogue", None)
    if catalogue is not None:
        await run_in_threadpool(catalogue.refresh)
    return await _told(studio)


async def _unload(request: Request, studio: Studio, _owner: str) -> Response:
    name = await _name(request)
    if studio.shared:
        return _refused(HOST_ONLY)
    unload: Any = getattr(studio.manager, "unload", None)
    if unload is None or not await run_in_threadpool(unload, name):
        return _refused(f"{name} is painting; it can be unloaded once its pictures are finished or stopped.")
    return await _told(studio)


async def _fetch(request: Request, studio: Studio, _owner: str) -> Response:
    name = await _name(request)
    if studio.shared:
        return _refused(HOST_ONLY)
    if studio.fetching is None:
        return _refused("This studio takes no models from the Hub; it was started with --no-hub.")
    trouble = studio.fetching.begin(name) if name else "Give a Hub id, such as owner/name."
    return _refused(trouble) if trouble else await _told(studio)


async def _stop(request: Request, studio: Studio, _owner: str) -> Response:
    name = await _name(request)
    if studio.shared:
        return _refused(HOST_ONLY)
    if studio.fetching is not None:
        studio.fetching.stop(name)
    return await _told(studio)


async def _name(request: Request) -> str:
    try:
        asked = json.loads(await request.body())
    except (ValueError, RecursionError):
        return ""
    return str(asked.get("id", ""))[:LONGEST_ID].strip() if isinstance(asked, dict) else ""


async def _told(studio: Studio) -> Response:
    return JSONResponse(await run_in_threadpool(models_told, studio), headers=FRESH)


def _refused(sentence: str) -> Response:
    return JSONResponse({"notice": sentence}, status_code=409, headers=FRESH)
