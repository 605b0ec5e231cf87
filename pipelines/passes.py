"""How many times a model paints for one picture: once, twice for hires fix, or once for each tile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from PIL import Image

from .errors import InvalidRequest
from .framing import Frame
from .hires import Enlarging, Painter, check_model, paint_hires, second_frame
from .larger_rules import result_size, wants_hires, wants_tiles
from .loading import LoadedModel
from .model_options import check_options_of
from .picture import count_steps
from .refining import Refining
from .request import GenerationRequest, ImageToImageRequest, TextToImageRequest
from .tiled_painting import paint_tiled, tile_frame, tiles_of
from .upscaling.enlarging import Errands
from .upscaling.upscalers import Upscalers


@dataclass(frozen=True)
class Passes:
    """One request's, known before its first picture.

    Attributes:
        request: What is asked for.
        frame: That of the first pass.
        model: The networks.
        counts: Steps of each pass of one picture.
        working_size: Width and height of the largest pass.
        size: Width and height of the finished picture.
    """

    request: GenerationRequest
    frame: Frame
    model: LoadedModel
    counts: tuple[int, ...]
    working_size: tuple[int, int]
    size: tuple[int, int]

    @property
    def total_steps(self) -> int:
        """Steps of one picture."""
        return sum(self.counts)

    def paint(
        self,
        paint: Painter,
        upscalers: Upscalers,
        errand: Errands,
        on_step: Callable[[int, int, torch.Tensor], None],
    ) -> Image.Image:
        """Makes one picture.

        Args:
            paint: Paints one pass.
            upscalers: Those there are.
            errand: How their networks are called.
            on_step: Told steps done, steps of all passes, and the clean guess.
        """
        enlarging, request = Enlarging(upscalers, errand), self.request
        if wants_hires(request):
            two = (self.counts[0], self.counts[1])
            text = cast(TextToImageRequest, request)
            return paint_hires(text, self.frame, self.model, paint, enlarging, on_step, two)
        if wants_tiles(request):
            image = cast(ImageToImageRequest, request)
            return paint_tiled(image, self.frame, self.model, paint, enlarging, on_step, self.counts[0])
        made: Any = paint(request, self.frame, on_step)
        assert isinstance(made, Image.Image)
        return made


def plan_passes(
    model: LoadedModel, request: GenerationRequest, frame: Frame, upscalers: Upscalers, refining: Refining | None
) -> Passes:
    """Plans a request's passes and refuses what cannot be done.

    Args:
        model: The networks.
        request: What is asked for.
        frame: That of the first pass.
        upscalers: Those there are; the one named is loaded.
        refining: Who takes over for the last steps.

    Raises:
        InvalidRequest: The size is too large, or the model, sampler or upscaler cannot do it.
        ModelError: The upscaler is missing or cannot be used.
    """
    counts: tuple[int, ...]
    check_options_of(model, request)
    try:
        size = result_size(request, frame.size)
    except ValueError as error:
        raise InvalidRequest(str(error).split(" ", 1)[0], str(error)) from None
    if wants_hires(request):
        text = cast(TextToImageRequest, request)
        check_model(model, text, upscalers)
        second, larger = second_frame(text, frame, model)
        counts = (count_steps(model, request), count_steps(model, second))
        return Passes(request, frame, model, counts, larger.working_size, size)
    if wants_tiles(request):
        image = cast(ImageToImageRequest, request)
        upscalers.check(image.tile_upscaler, "tile_upscaler")
        boxes = tiles_of(image, frame, model)
        one, tile = tile_frame(image, boxes[0], model)
        return Passes(request, frame, model, (count_steps(model, one),) * len(boxes), tile.working_size, size)
    return Passes(request, frame, model, (count_steps(model, request, refining),), frame.working_size, frame.size)
