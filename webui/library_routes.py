"""The page's own addresses for keeping house: stars and the trash."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .feed import small_picture
from .visitors import FRESH, MOST_PICTURES, for_our_page, for_owner

if TYPE_CHECKING:
    from .library.trashing import Outcome
    from .studio import Studio

TRASH_PAGE: Final = 60


def library_routes() -> list[Route]:
    """The routes, for FastAPI."""
    changing: Any = {"methods": ["POST"]}
    return [
        Route("/reverie/star", for_our_page(_star), **changing),
        Route("/reverie/delete", for_our_page(_delete), **changing),
        Route("/reverie/restore", for_our_page(_restore), **changing),
        Route("/reverie/trash/empty", for_our_page(_empty), **changing),
        Route("/reverie/trash", for_owner(_trash)),
    ]


async def _asked(request: Request) -> dict[str, Any]:
    try:
        asked = json.loads(await request.body())
    except (ValueError, RecursionError):
        return {}
    return asked if isinstance(asked, dict) else {}


def _ids(given: object) -> list[str]:
    return [str(each)[:64] for each in given[:MOST_PICTURES]] if isinstance(given, list) else []


def _told(outcome: Outcome) -> Response:
    return JSONResponse({"ids": outcome.ids, "notice": outcome.notice}, headers=FRESH)


async def _star(request: Request, studio: Studio, owner: str) -> Response:
    asked = await _asked(request)
    starred = bool(asked.get("starred", True))
    return _told(await run_in_threadpool(studio.library.star, owner, _ids(asked.get("ids")), starred=starred))


async def _delete(request: Request, studio: Studio, owner: str) -> Response:
    return _told(await run_in_threadpool(studio.library.delete, owner, _ids((await _asked(request)).get("ids"))))


async def _restore(request: Request, studio: Studio, owner: str) -> Response:
    return _told(await run_in_threadpool(studio.library.restore, owner, _ids((await _asked(request)).get("ids"))))


async def _empty(request: Request, studio: Studio, owner: str) -> Response:
    """Some for good where ``ids`` are named, all where ``all`` is true, else nothing."""
    asked = await _asked(request)
    ids = None if asked.get("all") is True else _ids(asked.get("ids"))
    return _told(await run_in_threadpool(studio.library.empty_trash, owner, ids))


async def _trash(request: Request, studio: Studio, owner: str) -> Response:
    skip = request.query_params.get("skip", "")
    start = int(skip) if skip.isascii() and skip.isdigit() and len(skip) < 10 else 0
    found = await run_in_threadpool(studio.library.trash, owner, TRASH_PAGE + 1, start)
    told = [small_picture(picture) for picture in found[:TRASH_PAGE]]
    return JSONResponse({"pictures": told, "more": len(found) > TRASH_PAGE}, headers=FRESH)
