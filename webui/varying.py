"""Variations: more pictures like a finished one, from its own recipe: by its noise, or with itself to begin with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

import gradio as gr

from pipelines.errors import InvalidRequest, ReverieError

from .dreaming import SPEAKING
from .form import first_values
from .grid_plan import SHEET
from .origin import Origin
from .refining import asked_for, reused
from .saying import say
from .sizes import LIKE_PICTURE
from .tabs import image_to_image, text_to_image

if TYPE_CHECKING:
    from pipelines.request import GenerationRequest, ImageToImageRequest

    from .library.picture import SavedPicture
    from .library.recipe import Recipe
    from .panel import Panel
    from .studio import Studio


HALF: Final = 0.5

Grade = Literal["subtle", "strong"]

GRADES: Final[Mapping[str, tuple[float, float]]] = {"subtle": (0.15, 75.0), "strong": (0.5, 35.0)}
"""How far the noise leans, 0 … 1, and, where a picture is begun with itself, how much of it stays, in percent."""


def variations(
    studio: Studio, picture: SavedPicture, recipe: Recipe | None, image_strength: float
) -> ImageToImageRequest:
    """The request for variations: the picture's own words and settings, new seeds, and the picture to begin with.

    Args:
        studio: Whose models it names.
        picture: What to vary.
        recipe: Its whole recipe, where the library has it.
        image_strength: How much of it stays, in percent, as in the panel.

    Raises:
        InvalidRequest: The picture cannot be read, or its recipe asks for what no model here can do.
    """
    if picture.path is None:
        raise InvalidRequest(
            "image", "image could not be saved, so it cannot be varied; download it and upload it again."
        )
    values = {**first_values(studio), **reused(studio, picture, "remix", recipe)}
    values |= {"source": picture.path, "picture_size": LIKE_PICTURE, "image_strength": image_strength}
    return image_to_image.make_request(studio, values)


def graded(studio: Studio, picture: SavedPicture, recipe: Recipe | None, grade: Grade) -> GenerationRequest:
    """The request for subtle or strong variations, whatever the panel says.

    A picture from words alone keeps its seed, and its noise leans towards other noise: shapes stay roughly where they
    are. One that was made from a picture is begun with itself.

    Args:
        studio: Whose models it names.
        picture: What to vary.
        recipe: Its whole recipe, where the library has it.
        grade: How much it may change.

    Raises:
        InvalidRequest: As for :func:`variations`.
    """
    lean, kept = GRADES[grade]
    from_words = recipe is not None and recipe.task == "text_to_image" and picture.edit != SHEET
    if not from_words or recipe is None:
        return variations(studio, picture, recipe, kept)
    values = {**first_values(studio), **reused(studio, picture, "everything", recipe)}
    leant, towards = recipe.request.get("variation_strength"), recipe.request.get("variation_seed")
    if isinstance(leant, float) and leant > HALF and isinstance(towards, int):
        values["seed"] = str(towards)  # nearer to this one's noise than to the seed's
    values |= {"variation_strength": lean, "variation_seed": ""}
    return text_to_image.make_request(studio, values)


def wire_variations(studio: Studio, panel: Panel, results: gr.HTML) -> None:
    """Connects the pictures' Variations buttons."""

    def vary(image_strength: float, event: gr.EventData, request: gr.Request) -> Any:
        picture, recipe = asked_for(studio, event, request)
        if picture is None:
            return gr.skip()
        try:
            if event.how in GRADES:
                made: GenerationRequest = graded(studio, picture, recipe, event.how)
                edit = f"vary_{event.how}"
            else:
                made, edit = variations(studio, picture, recipe, image_strength), "variation"
            origin = Origin(picture.id, edit, picture.style or None)
            return studio.queue.submit(studio.owner(request.cookies), made, origin).id
        except ReverieError as error:
            say(error)
            return gr.skip()

    results.vary(vary, panel.fields["image_strength"], results, trigger_mode="multiple", **SPEAKING)
