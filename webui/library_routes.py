"""The page's own addresses for keeping house: stars and the trash."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .feed import small_picture
from .finding import GONE, find_picture
from .visitors import FRESH, MOST_PICTURES, for_our_page, for_owner

if TYPE_CHECKING:
    from .library.trashing import Outcome
    from .studio import Studio

TRASH_PAGE: Final = 60

UNSAVED: Final = "That picture is not saved, so it has no star and no trash; download it, or it goes with the studio."


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


def _told(outcome: Outcome, asked: Sequence[str] = (), studio: Studio | None = None, owner: str = "") -> Response:
    """What was done; what was not is said, if it was anything of the owner's."""
    notice, left = outcome.notice, set(asked) - set(outcome.ids) - set(outcome.gone)
    if notice is None and outcome.gone:
        notice = GONE
    elif notice is None and studio is not None and any(find_picture(studio, owner, each) for each in left):
        notice = UNSAVED
    return JSONResponse({"ids": outcome.ids, "notice": notice, "gone": outcome.gone}, headers=FRESH)


async def _star(request: Request, studio: Studio, owner: str) -> Response:
    asked = await _asked(request)
    ids, starred = _ids(asked.get("ids")), bool(asked.get("starred", True))
    outcome = await run_in_threadpool(studio.library.star, owner, ids, starred=starred)
    return await run_in_threadpool(_told, outcome, ids, studio, owner)


async def _delete(request: Request, studio: Studio, owner: str) -> Response:
    ids = _ids((await _asked(request)).get("ids"))
    outcome = await run_in_threadpool(studio.library.delete, owner, ids)
    return await run_in_threadpool(_told, outcome, ids, studio, owner)


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
