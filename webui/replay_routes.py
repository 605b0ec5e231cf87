"""The page's own address for replaying a chain, and the event that starts it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from pipelines.errors import InvalidRequest, ReverieError
from pipelines.request import LARGEST_PROMPT, SIZE_STEP, TextToImageRequest, limits

from .dreaming import SPEAKING
from .finding import GONE
from .refining import asked_for
from .replay_links import read_links
from .replaying import ReplayPlan, Wish, base_size, first_words, made_on
from .saying import say
from .sizes import OWN_SIZE
from .visitors import FRESH, for_owner
from .wording import page_words

if TYPE_CHECKING:
    from .studio import Studio


def replay_routes() -> list[Route]:
    """The routes, for FastAPI."""
    return [Route("/reverie/replay/{id}", for_owner(_replay))]


def wish_of(asked: Mapping[str, Any]) -> Wish:
    """Reads what the dialog says: ``model``, ``size`` such as ``192x128``, and ``prompt``; empty = as it was.

    Raises:
        InvalidRequest: The size is none.
    """
    size, prompt = str(asked.get("size") or ""), asked.get("prompt")
    own = OWN_SIZE.fullmatch(size)
    if size and own is None:
        raise InvalidRequest("width", f"width and height are {size[:20]!r}; give both, such as 320x192.")
    return Wish(
        model=str(asked["model"])[:1000] if asked.get("model") else None,
        size=(int(own[1]), int(own[2])) if own else None,
        prompt=str(prompt)[: LARGEST_PROMPT + 1] if isinstance(prompt, str) else None,
    )


async def _replay(request: Request, studio: Studio, owner: str) -> Response:
    """What can be chosen, and why a chain cannot be replayed with what is chosen so far; empty where it can."""
    picture = await run_in_threadpool(studio.library.get, owner, request.path_params["id"])
    if picture is None:
        return PlainTextResponse(GONE, status_code=404)

    def look() -> dict[str, Any]:
        sides = limits(TextToImageRequest, "width")
        told: dict[str, Any] = {
            "models": [
                {"id": info.id, "name": info.name, "native": info.native_size} for info in studio.models.values()
            ],
            "sides": {"least": sides["minimum"], "most": sides["maximum"], "step": SIZE_STEP},
            "why_not": "",
        }
        try:
            links = read_links(studio.library, owner, picture)
            width, height = base_size(studio, links[0])
            told |= {"count": len(links), "width": width, "height": height}
            told["native"] = made_on(studio, links[0]).native_size
            told["prompt"] = first_words(studio, links[0])["prompt"]
            ReplayPlan(studio, links, wish_of(request.query_params))
        except ReverieError as error:
            told["why_not"] = page_words(error)
        return told

    return JSONResponse(await run_in_threadpool(look), headers=FRESH)


def wire_replaying(studio: Studio, results: gr.HTML) -> None:
    """Connects the viewer's Replay dialog."""

    def replay(event: gr.EventData, request: gr.Request) -> Any:
        picture, _ = asked_for(studio, event, request)
        if picture is None:
            return gr.skip()
        owner = studio.owner(request.cookies)
        try:
            wish = wish_of({"model": event.model, "size": event.size, "prompt": event.prompt})
            plan = ReplayPlan(studio, read_links(studio.library, owner, picture), wish)
            return studio.series.start(owner, plan).id
        except ReverieError as error:
            say(error)
            return gr.skip()

    results.replay(replay, outputs=results, trigger_mode="multiple", **SPEAKING)
