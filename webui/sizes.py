"""Which size a request means: a ratio of the model's own area, a size of one's own, or that of a given picture."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from pipelines.errors import InvalidRequest, PresetError
from pipelines.preset import Size, sizes_for
from pipelines.request import SIZE_STEP, GenerationRequest, ImageToImageRequest, TextToImageRequest, limits

if TYPE_CHECKING:
    from pipelines.models import ModelInfo

SQUARE: Final = "1:1"
LIKE_PICTURE: Final = "picture"
OWN_SIZE: Final = re.compile(r"(-?\d{1,16})x(-?\d{1,16})")


def stops(model: ModelInfo) -> list[dict[str, str | int]]:
    """The ratio slider's stops for a model, wide first, as the slider's script reads them."""
    return [{"ratio": size.ratio, "width": size.width, "height": size.height} for size in _sizes(model)]


def size_problems() -> tuple[str, ...]:
    """What is wrong with the file of ratios, if anything; without it there is the square."""
    try:
        sizes_for(512)
    except PresetError as error:
        return (str(error),)
    return ()


def _sizes(model: ModelInfo) -> list[Size]:
    try:
        return sizes_for(model.native_size)
    except PresetError:
        return [Size(SQUARE, model.native_size, model.native_size)]


def resolve_size(choice: str, model: ModelInfo, picture: tuple[int, int] | None = None) -> tuple[int, int]:
    """Turns what the size control says into width and height in pixels.

    Args:
        choice: A ratio (``16:9``), ``320x192``, or ``picture``.
        model: The model whose native area a ratio fills.
        picture: Size of the given picture, where there is one.

    Raises:
        InvalidRequest: It is none of these.
    """
    if choice == LIKE_PICTURE:
        return size_like(picture, model) if picture else (model.native_size, model.native_size)
    own = OWN_SIZE.fullmatch(choice)
    if own:
        return int(own[1]), int(own[2])
    for size in _sizes(model):
        if size.ratio == choice:
            return size.width, size.height
    raise InvalidRequest("width", f"width and height are {choice[:20]!r}; choose a ratio, or a size such as 320x192.")


def size_choice_of(size: tuple[int, int], model: ModelInfo) -> str:
    """What the size control says of a size: the ratio that has it with a model, else the size itself.

    Args:
        size: Width and height in pixels.
        model: Whose stops are looked through.
    """
    same = (stop.ratio for stop in _sizes(model) if (stop.width, stop.height) == size)
    return next(same, f"{size[0]}x{size[1]}")


def size_like(picture: tuple[int, int], model: ModelInfo) -> tuple[int, int]:
    """The size with a picture's ratio and the model's native area, in multiples of 8.

    Args:
        picture: Width and height in pixels.
        model: Whose native area it is.
    """
    bounds = limits(TextToImageRequest, "width")
    scale = model.native_size / math.sqrt(picture[0] * picture[1])

    def side(length: int) -> int:
        rounded = round(length * scale / SIZE_STEP) * SIZE_STEP
        return int(min(max(rounded, bounds["minimum"]), bounds["maximum"]))

    return side(picture[0]), side(picture[1])


def size_of(request: GenerationRequest, model: ModelInfo) -> tuple[int, int]:
    """The size a request's pictures will have."""
    if request.width and request.height:
        return request.width, request.height
    if isinstance(request, ImageToImageRequest):
        return request.image.size
    return model.native_size, model.native_size
