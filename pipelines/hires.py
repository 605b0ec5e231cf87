"""Hires fix: a first pass at the size a model knows, enlarged, and a second pass over it that adds what is missing."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Protocol

import torch
from PIL import Image
from torch.nn import functional as F

from .errors import InvalidRequest
from .framing import Frame, frame_for
from .larger_rules import hires_size
from .loading import LoadedModel
from .request import GenerationRequest, ImageToImageRequest, TextToImageRequest
from .samplers import options_taken
from .step_tally import OnStep, StepTally
from .upscaling.enlarging import Errands
from .upscaling.names import LATENT, built_in
from .upscaling.upscalers import Upscalers


class Painter(Protocol):
    """Paints one picture: :func:`pipelines.picture.paint` with all but these given."""

    def __call__(
        self, request: GenerationRequest, frame: Frame, on_step: OnStep, over: dict[str, Any] | None = None, /
    ) -> Any:
        """Gives the picture, or latents where ``over`` asks for them."""
        ...


@dataclass(frozen=True)
class Enlarging:
    """How pictures are made larger while one is painted.

    Attributes:
        upscalers: Those there are.
        errand: How their networks are called.
    """

    upscalers: Upscalers
    errand: Errands

    def __call__(self, image: Image.Image, name: str, size: tuple[int, int]) -> Image.Image:
        """Enlarges a picture to a size."""
        return self.upscalers.upscale(image, name, size, self.errand)


def second_pass(request: TextToImageRequest, image: Image.Image) -> ImageToImageRequest:
    """The image-to-image request that a second pass is: whoever makes both by hand gets the same bits.

    Args:
        request: What is asked for.
        image: The first pass's picture at the size of the second; its sides may be more than a request's.
    """
    shared = {name: getattr(request, name) for name in GenerationRequest.model_fields}
    if request.hires_scheduler is not None:  # what it does not take was meant for the first
        taken = options_taken(request.hires_scheduler, request.sampler_options)
        shared |= {field.name: getattr(taken, field.name) for field in fields(taken)}
    return ImageToImageRequest.model_construct(
        **shared
        | {
            "image": image,
            "width": image.width,
            "height": image.height,
            "scheduler": request.hires_scheduler or request.scheduler,
            "num_inference_steps": request.hires_steps or request.num_inference_steps,
            "strength": request.hires_strength,
            "exact_steps": True,
        }
    )


def second_frame(request: TextToImageRequest, frame: Frame, model: LoadedModel) -> tuple[ImageToImageRequest, Frame]:
    """The second pass and its frame, with an empty picture so far.

    Args:
        request: What is asked for.
        frame: The first pass's.
        model: The model.
    """
    second = second_pass(request, Image.new("RGB", hires_size(request, frame.size)))
    return second, frame_for(second, model.info.native_size, model.size_step)


def paint_hires(
    request: TextToImageRequest,
    frame: Frame,
    model: LoadedModel,
    paint: Painter,
    enlarging: Enlarging,
    on_step: OnStep,
    steps: tuple[int, int],
) -> Image.Image:
    """Makes one picture in two passes.

    Args:
        request: What is asked for.
        frame: The first pass's.
        model: The networks.
        paint: Paints one pass; both begin with noise from the picture's own seed.
        enlarging: How the first pass is made larger.
        on_step: Told steps done, steps of both passes, and the clean guess.
        steps: Of each pass.
    """
    tally = StepTally(steps, on_step)
    first_step, second_step = tally.of(0), tally.of(1)
    mode = LATENT.get(built_in(request.hires_upscaler) or "")
    second, larger = second_frame(request, frame, model)
    if mode is None:
        image = paint(request, frame, first_step)
        second = second_pass(request, enlarging(image, request.hires_upscaler, larger.size))
        return _picture(paint(second, frame_for(second, model.info.native_size, model.size_step), second_step))
    latents: torch.Tensor = paint(request, frame, first_step, {"output_type": "latent"})
    factor = frame.working_size[0] // latents.shape[-1]
    size = larger.working_size[1] // factor, larger.working_size[0] // factor
    resample = partial(F.interpolate, latents.float(), size=size, mode=mode.mode, antialias=mode.antialias)
    made: torch.Tensor = enlarging.errand(resample)
    return _picture(paint(second, larger, second_step, {"image": made.to(latents.dtype)}))


def check_model(model: LoadedModel, request: TextToImageRequest, upscalers: Upscalers) -> None:
    """Refuses a model that has no second pass, or latents of a form that cannot be enlarged.

    Raises:
        InvalidRequest: It cannot be had with this model.
        ModelError: The upscaler is missing or cannot be used.
    """
    if "image_to_image" not in model.pipelines:
        raise InvalidRequest(
            "hires_scale",
            f"hires_scale is {request.hires_scale:g}, and model {model.info.id!r} has no image_to_image for a second "
            "pass; leave it at 1, or choose another model.",
        )
    packed = hasattr(model.pipelines["text_to_image"], "_pack_latents")
    upscalers.check(request.hires_upscaler, "hires_upscaler", latents=not packed)


def _picture(made: Any) -> Image.Image:
    assert isinstance(made, Image.Image)
    return made
