"""Upscale: a finished picture made larger by an upscaler, as a job of its own and a new picture in the library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import gradio as gr
from PIL import Image

from pipelines.errors import InvalidRequest, ReverieError
from pipelines.request import ImageToImageRequest
from pipelines.upscaling.names import LANCZOS, RESAMPLING

from .dreaming import SPEAKING
from .feed import recipe_fields
from .origin import Origin
from .refining import asked_for
from .saying import say

if TYPE_CHECKING:
    from .library.picture import SavedPicture
    from .studio import Studio

EDIT: Final = "upscale"

KEPT: Final = ("prompt", "negative_prompt", "num_inference_steps", "guidance_scale", "scheduler", "clip_skip")
"""What the larger picture's recipe tells of the one it was made from, although nothing is painted."""


def upscalers_of(studio: Studio) -> list[str]:
    """The names that can be chosen, Lanczos first; a back end elsewhere may have no files."""
    files = [file.id for file in getattr(studio.manager, "upscalers", list)() if not file.problem]
    return [*files, *RESAMPLING] if files else list(RESAMPLING)


def enlargement(picture: SavedPicture, scale: float, upscaler: str, model: str | None = None) -> ImageToImageRequest:
    """The request that makes a finished picture larger: image to image of which nothing is painted.

    Args:
        picture: What to enlarge.
        scale: How many times larger its sides become, 1 … 8.
        upscaler: Which; the back end knows whether it is there.
        model: Id of the model that made it, for the recipe; it is not loaded.

    Raises:
        InvalidRequest: The picture cannot be read, or the result would be too large.
    """
    if picture.path is None:
        raise InvalidRequest("image", "image could not be saved, so it cannot be enlarged; download it and upload it.")
    told = {name: value for name, value in recipe_fields(picture).items() if name in KEPT}
    told["prompt"] = picture.prompt or "an enlarged picture"
    try:
        with Image.open(picture.path) as opened:
            image = opened.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InvalidRequest("image", "image is damaged or has gone; choose another.") from error
    fields: dict[str, Any] = {"image": image, "strength": 0.0, "tile_scale": scale, "tile_upscaler": upscaler}
    return ImageToImageRequest(**told, **fields, model=model, seed=picture.seed)


def wire_enlarging(studio: Studio, results: gr.HTML) -> None:
    """Connects the pictures' Upscale buttons."""

    def enlarge(event: gr.EventData, request: gr.Request) -> Any:
        picture, recipe = asked_for(studio, event, request)
        if picture is None:
            return gr.skip()
        model = recipe.model.id if recipe is not None and recipe.model is not None else None
        try:
            scale = float(event.scale) if isinstance(event.scale, (int, float)) else 2.0
            made = enlargement(
                picture, scale, str(event.upscaler or LANCZOS)[:200], model if model in studio.models else None
            )
            origin = Origin(picture.id, EDIT, picture.style or None)
            return studio.queue.submit(studio.owner(request.cookies), made, origin).id
        except ReverieError as error:
            say(error)
            return gr.skip()

    results.enlarge(enlarge, outputs=results, trigger_mode="multiple", **SPEAKING)
