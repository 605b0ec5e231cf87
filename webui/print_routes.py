"""The page's own addresses of the print desk: what a print comes to, and its file."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from pipelines.errors import InvalidRequest, ReverieError
from pipelines.events import ImageFinished
from pipelines.images import MAX_PIXELS, open_upload
from pipelines.upscaling.names import LANCZOS, built_in

from .enlarging import enlargement, upscalers_of
from .finding import GONE, find_picture
from .printing.files import ENDINGS, FORMATS, MEDIA_TYPES, encode_print
from .printing.paper import Paper, load_products, read_size
from .printing.plan import NETWORK_REACH, SHARP, lay_out, plan_print
from .proving import Watched
from .visitors import FRESH, for_our_page, for_owner
from .wording import page_words

if TYPE_CHECKING:
    from .library.picture import SavedPicture
    from .studio import Studio

LABELS: Final = {"dpi": "Pixels an inch"}
"""What the dialog calls a value otherwise."""

LARGEST_SCALE: Final = 8.0
"""What an upscaler is asked for at most, as for any picture."""


def print_routes() -> list[Route]:
    """The routes, for FastAPI."""
    return [
        Route("/reverie/print-products", for_owner(_products)),
        Route("/reverie/print/{id}/plan", for_owner(_plan)),
        Route("/reverie/print/{id}", for_our_page(_print), methods=["POST"]),
    ]


def paper_asked(told: Mapping[str, Any]) -> Paper:
    """Reads what is asked for.

    Args:
        told: ``size`` as text, ``dpi``, ``bleed`` in millimetres, and ``turned``.

    Raises:
        InvalidRequest: It cannot be printed.
    """
    width, height = read_size(str(told.get("size") or ""))
    dpi, bleed = _number(told, "dpi", 300), _number(told, "bleed", 0)
    paper = Paper(width, height, round(dpi), bleed)
    return paper.turned() if str(told.get("turned")) in ("1", "true", "True") else paper


async def _products(_request: Request, studio: Studio, _owner: str) -> Response:
    products = [product._asdict() for product in load_products()]
    names = await run_in_threadpool(upscalers_of, studio)
    return JSONResponse({"products": products, "upscalers": names}, headers=FRESH)


async def _plan(request: Request, studio: Studio, owner: str) -> Response:
    """What a print comes to, or in a sentence why it cannot be."""
    picture = await run_in_threadpool(find_picture, studio, owner, request.path_params["id"])
    if picture is None:
        return PlainTextResponse(GONE, status_code=404)
    told = request.query_params
    try:
        paper = paper_asked(told)
    except InvalidRequest as error:
        return JSONResponse({"problem": _words(error)}, headers=FRESH)
    whole, network = told.get("whole") == "1", _network(told)
    plan = plan_print((picture.width, picture.height), paper, whole=whole, upscaler=network)
    size = {"width_mm": paper.width_mm, "height_mm": paper.height_mm, "bleed_mm": paper.bleed_mm}
    return JSONResponse({**plan._asdict(), **size}, headers=FRESH)


async def _print(request: Request, studio: Studio, owner: str) -> Response:
    """The file."""
    told: Any = await request.json()
    picture = await run_in_threadpool(find_picture, studio, owner, request.path_params["id"])
    if picture is None:
        return PlainTextResponse(GONE, status_code=404)
    file_format = str(told.get("format") or "png") if isinstance(told, dict) else ""
    if file_format not in FORMATS:
        return PlainTextResponse("There is no such kind of file.", status_code=400)
    try:
        paper = paper_asked(told)
        image = await run_in_threadpool(_enlarged, studio, owner, picture, paper, told)
        sheet = await run_in_threadpool(lay_out, image, paper, whole=bool(told.get("whole")))
        infotext = picture.infotext or ""
        data = await run_in_threadpool(encode_print, sheet, paper, file_format, infotext=infotext)
    except ReverieError as error:
        return PlainTextResponse(_words(error), status_code=400)
    name = f"Reverie_{datetime.now().astimezone():%Y-%m-%d_%H-%M-%S}_{paper.dpi}dpi{ENDINGS[file_format]}"
    headers = {**FRESH, "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
    return Response(data, media_type=MEDIA_TYPES[file_format], headers=headers)


def _enlarged(studio: Studio, owner: str, picture: SavedPicture, paper: Paper, told: Mapping[str, Any]) -> Image.Image:
    """The picture, made larger by the upscaler's network where one is asked for and it is of use."""
    if picture.path is None:
        raise InvalidRequest("image", "image could not be saved, so it cannot be printed; download it and upload it.")
    image = open_upload(picture.path).image
    scale = plan_print(image.size, paper, whole=bool(told.get("whole"))).scale
    network = _network(told)
    if not network or scale <= SHARP:
        return image
    most = (MAX_PIXELS / (image.width * image.height)) ** 0.5
    request = enlargement(picture, min(scale, NETWORK_REACH, LARGEST_SCALE, most), network)
    manager = Watched(studio.manager, owner, lambda _done, _all: None, threading.Event())
    made = [event for event in manager.generate(request) if isinstance(event, ImageFinished)]
    return made[0].image


def _network(told: Mapping[str, Any]) -> str:
    """The upscaler's file; empty where it is only a way of resampling."""
    name = str(told.get("upscaler") or LANCZOS)[:200]
    return "" if built_in(name) else name


def _words(error: object) -> str:
    """A sentence in the dialog's words."""
    first, _, rest = page_words(error).partition(" ")
    return f"{LABELS.get(first, first[:1].upper() + first[1:])} {rest}"


def _number(told: Mapping[str, Any], name: str, default: float) -> float:
    value = told.get(name)
    if value == "":
        raise InvalidRequest(name, f"{name} is empty; give a number, such as {default:g}.")
    try:
        return float(str(value).replace(",", ".")) if value is not None else default
    except ValueError:
        raise InvalidRequest(name, f"{name} is {str(value)[:20]!r}; give a number.") from None
