"""What may be asked of pictures larger than a model paints at once: hires fix, and painting in tiles.

Without torch, so that a request is refused before anything is loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .images import MAX_PIXELS

if TYPE_CHECKING:
    from .request import GenerationRequest, ImageToImageRequest, TextToImageRequest

LARGEST_SIDE: Final = 4096
"""Pixels of a side after hires fix; beyond it a second pass in one piece outgrows every card."""

STEP: Final = 8


def wants_hires(request: GenerationRequest) -> bool:
    """Whether a request asks for a second, larger pass."""
    fields: Any = request
    return request.task == "text_to_image" and (fields.hires_scale > 1 or fields.hires_width is not None)


def wants_tiles(request: GenerationRequest) -> bool:
    """Whether a request asks for a larger picture painted in tiles."""
    return request.task == "image_to_image" and bool(getattr(request, "tile_scale", 1) > 1)


def enlarges_only(request: GenerationRequest) -> bool:
    """Whether a request has its picture enlarged by an upscaler and nothing painted: tiles of which nothing changes."""
    return wants_tiles(request) and bool(getattr(request, "strength", 1) == 0)


def painted_size(request: GenerationRequest, size: tuple[int, int], native: int) -> tuple[int, int]:
    """The largest size that is painted in one piece.

    Args:
        request: What is asked for.
        size: What its ``width`` and ``height`` come to.
        native: Side of the model's native square.
    """
    fields: Any = request
    if wants_hires(request):
        return hires_size(fields, size)
    if wants_tiles(request):
        large, side = scaled(size, fields.tile_scale), fields.tile_size or native
        return min(side, large[0]), min(side, large[1])
    return size


def hires_size(request: TextToImageRequest, first: tuple[int, int]) -> tuple[int, int]:
    """Width and height after the second pass: those given, else the first pass's by the scale, in multiples of 8."""
    if request.hires_width is not None and request.hires_height is not None:
        return request.hires_width, request.hires_height
    return scaled(first, request.hires_scale)


def scaled(size: tuple[int, int], scale: float, step: int = STEP) -> tuple[int, int]:
    """A size by a factor, rounded down to multiples of ``step``, and of that at least one."""
    width, height = (max(int(round(side * scale, 6)) // step, 1) * step for side in size)
    return width, height


def result_size(request: GenerationRequest, size: tuple[int, int]) -> tuple[int, int]:
    """Width and height of the finished picture.

    Args:
        request: What is asked for.
        size: What its ``width`` and ``height`` come to.

    Raises:
        ValueError: It is more than can be made; one sentence.
    """
    fields: Any = request
    if wants_hires(request):
        large = hires_size(fields, size)
        if max(large) > LARGEST_SIDE:
            raise ValueError(
                f"hires_scale is {fields.hires_scale:g}, which makes {large[0]} × {large[1]} pixels of "
                f"{size[0]} × {size[1]}, and a side may have {LARGEST_SIDE}; lower it, or width and height."
            )
        return large
    if wants_tiles(request):
        large = scaled(size, fields.tile_scale, 1 if enlarges_only(request) else STEP)
        if large[0] * large[1] > MAX_PIXELS:
            raise ValueError(
                f"tile_scale is {fields.tile_scale:g}, which makes {large[0]} × {large[1]} pixels of "
                f"{size[0]} × {size[1]}, and {MAX_PIXELS // 1_000_000} million are the most; lower it."
            )
        return large
    return size


def check_hires(request: TextToImageRequest) -> None:
    """Refuses what no second pass can be made of.

    Raises:
        ValueError: One sentence names the field.
    """
    if (request.hires_width is None) != (request.hires_height is None):
        given, missing = (
            ("hires_width", "hires_height") if request.hires_height is None else ("hires_height", "hires_width")
        )
        raise ValueError(f"{given} is given without {missing}; give both, or neither and hires_scale.")
    if not wants_hires(request):
        return
    from .samplers import check_steps

    steps = request.hires_steps or request.num_inference_steps
    if request.hires_strength * 1000 < steps:
        raise ValueError(
            f"hires_strength is {request.hires_strength:g}, too little for {steps} steps; raise it to {steps / 1000:g}."
        )
    check_steps(request.hires_scheduler or request.scheduler, steps)
    if request.refiner is not None and request.refiner_switch < 1:
        raise ValueError(
            f"hires_scale is {request.hires_scale:g} and refiner is {request.refiner!r}, which cannot both follow the "
            "first pass; leave one of the two out."
        )
    if request.width and request.height:
        result_size(request, (request.width, request.height))


def check_tiles(request: ImageToImageRequest) -> None:
    """Refuses what cannot be painted in tiles.

    Raises:
        ValueError: One sentence names the field.
    """
    if request.task == "inpaint" and request.tile_scale > 1:
        raise ValueError(
            f"tile_scale is {request.tile_scale:g}, and an inpainted picture keeps its size; inpaint with 1, and "
            "enlarge the result by image_to_image."
        )
    if not wants_tiles(request):
        return
    if request.tile_size is not None and request.tile_overlap * 2 > request.tile_size:
        raise ValueError(
            f"tile_overlap is {request.tile_overlap}, more than half of tile_size, which is {request.tile_size}; "
            f"lower it to {request.tile_size // 2}."
        )
    if request.refiner is not None and request.refiner_switch < 1:
        raise ValueError(
            f"tile_scale is {request.tile_scale:g} and refiner is {request.refiner!r}; a refiner does not paint tiles, "
            "leave one of the two out."
        )
    result_size(request, (request.width, request.height) if request.width and request.height else request.image.size)
