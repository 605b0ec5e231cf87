"""A recipe made a request again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from PIL import Image

from pipelines.request import GenerationRequest, ImageToImageRequest, InpaintRequest, TextToImageRequest

from .inputs import FIELDS
from .recipe import Recipe

REQUESTS: Final[Mapping[str, type[GenerationRequest]]] = {
    kind.task: kind for kind in (TextToImageRequest, ImageToImageRequest, InpaintRequest)
}


def repeat(recipe: Recipe, given: Mapping[str, Image.Image | None], **changes: Any) -> GenerationRequest:
    """The request that makes a recipe's one picture again.

    Args:
        recipe: The picture's.
        given: What it begins with, by request field.
        changes: Fields that are to be otherwise.

    Raises:
        InvalidRequest: A picture is missing, or a value cannot be used.
    """
    kind, told = REQUESTS[recipe.task], recipe.repeating_fields()
    if recipe.task != TextToImageRequest.task and recipe.request.get("width") is None:
        told |= {"width": None, "height": None}  # as large as what it begins with, which need be no multiple of 8
    pictures = {name: given[name] for name in FIELDS if name in given}
    fields = {name: value for name, value in {**told, **pictures, **changes}.items() if name in kind.model_fields}
    return kind(**fields)
