"""The page's own address for taking pictures away: one as a file, several as a ZIP."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, get_args
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from .finding import GONE, find_picture
from .library.export import to_give_out
from .library.formats import Format, Metadata, Saving
from .library.recipe import RecipeError
from .visitors import FRESH, MOST_PICTURES, for_owner

if TYPE_CHECKING:
    from .studio import Studio


def download_routes() -> list[Route]:
    """The route, for FastAPI; a form may bring more ids than an address has room for."""
    return [Route("/reverie/download", for_owner(_download), methods=["GET", "POST"])]


async def _download(request: Request, studio: Studio, owner: str) -> Response:
    """One picture as a file, several as a ZIP; a form's fields or the address say which, and how."""
    given: Mapping[str, Any] = await request.form() if request.method == "POST" else request.query_params
    ids = [each for each in str(given.get("ids", "")).split(",") if each][:MOST_PICTURES]
    metadata, file_format = str(given.get("metadata", "all")), str(given.get("format", ""))
    if metadata not in get_args(Metadata) or (file_format and file_format not in get_args(Format)):
        return PlainTextResponse("There is no such kind of copy.", status_code=400)
    how: dict[str, Any] = {"metadata": metadata, "saving": Saving(format=file_format) if file_format else None}  # type: ignore[arg-type]
    if len(ids) != 1:
        name = f"Reverie_{datetime.now().astimezone():%Y-%m-%d_%H-%M-%S}.zip"
        pieces = studio.library.export(owner, ids, **how, unsaved=lambda each: find_picture(studio, owner, each))
        return StreamingResponse(pieces, media_type="application/zip", headers=_as_file(name))
    picture = await run_in_threadpool(find_picture, studio, owner, ids[0])
    if picture is None:
        return PlainTextResponse(GONE, status_code=404)
    try:
        data, name = await run_in_threadpool(to_give_out, picture, **how)
    except FileNotFoundError:
        return PlainTextResponse(GONE, status_code=404)
    except (OSError, RecipeError) as error:
        return PlainTextResponse(f"The picture's file cannot be read ({error}).", status_code=500)
    return Response(data, media_type=_media_type(name), headers=_as_file(name))


def _media_type(name: str) -> str:
    ending = PurePath(name).suffix.removeprefix(".")
    return f"image/{'jpeg' if ending == 'jpg' else ending}"


def _as_file(name: str) -> dict[str, str]:
    return {**FRESH, "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
