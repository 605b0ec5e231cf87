"""One picture: an unmodified diffusers pipeline of its own, driven in one lane of the engine."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from PIL import Image

from .caches import TensorCache
from .denoiser import Lane
from .errors import GenerationError
from .framing import Frame
from .loading import LoadedModel
from .previews import unpack_latents, watch_clean_guess
from .request import GenerationRequest, ImageToImageRequest, InpaintRequest
from .schedulers import build_scheduler
from .seeds import generator_for
from .standins import SharedDenoiser, SharedVae, StandIn

OnStep = Callable[[int, int, torch.Tensor], None]


def paint(
    model: LoadedModel,
    request: GenerationRequest,
    frame: Frame,
    embeddings: dict[str, Any],
    seed: int,
    lane: Lane,
    cache: TensorCache,
    on_step: OnStep,
) -> Image.Image:
    """Makes one picture of a request.

    Args:
        model: The networks.
        request: What is asked for.
        frame: Sizes and fitted pictures.
        embeddings: From :func:`~pipelines.prompts.encode_prompts`.
        seed: This picture's own.
        lane: Where the networks are called; cancelling it ends the picture within a step.
        cache: Encoded pictures that need not be encoded again.
        on_step: Told steps done, steps in all, and the clean guess.

    Returns:
        Mode RGB, ``frame.size``.

    Raises:
        Cancelled: The lane was cancelled.
        GenerationError: A network failed, or the picture came out as not-a-number.
    """
    scheduler = build_scheduler(request.scheduler, model.scheduler_config, seed=seed)
    pipeline = model.pipeline(request.task, scheduler=scheduler, **stand_ins(model, lane, cache))
    done = 0

    def step_done(guess: torch.Tensor) -> None:
        nonlocal done
        done += 1
        if not torch.isfinite(guess).all():
            raise GenerationError(
                f"The picture became not-a-number at step {done}; use another scheduler than {request.scheduler!r}, "
                "fewer steps, or a lower guidance_scale."
            )
        on_step(done, pipeline.num_timesteps, unpack_latents(guess, *frame.working_size))

    watch_clean_guess(scheduler, step_done)
    try:
        arguments = pipeline_arguments(request, frame, pipeline)
        result = pipeline(**arguments, **embeddings, generator=generator_for(seed))
    finally:
        pipeline.maybe_free_model_hooks()
    return frame.finish(result.images[0].convert("RGB"))


def stand_ins(model: LoadedModel, lane: Lane, cache: TensorCache) -> dict[str, StandIn]:
    """What one picture's pipeline is given for each network of a model, by the component's name."""
    made: dict[str, StandIn] = {}
    for name, dtype in model.dtypes.items():
        network, known = model.components[name], {"dtype": dtype, "device": model.device}
        if name == "vae":
            made[name] = SharedVae(network, lane, cache, model.key, **known)
        else:
            made[name] = (SharedDenoiser if name in ("unet", "transformer") else StandIn)(network, lane, **known)
    return made


def pipeline_arguments(request: GenerationRequest, frame: Frame, pipeline: Any = None) -> dict[str, Any]:
    """What the task's diffusers pipeline is called with, but for prompts and noise.

    Args:
        request: What is asked for.
        frame: Sizes and fitted pictures.
        pipeline: The pipeline; image-to-image takes the picture's size in some and must be told it in others.
    """
    width, height = frame.working_size
    arguments: dict[str, Any] = {
        "num_inference_steps": request.num_inference_steps,
        "guidance_scale": request.guidance_scale,
    }
    if isinstance(request, ImageToImageRequest):
        arguments |= {"image": frame.working_image, "strength": request.strength}
    if isinstance(request, InpaintRequest):
        arguments |= {"mask_image": frame.working_mask}
    if request.task != "image_to_image" or "width" in inspect.signature(type(pipeline).__call__).parameters:
        arguments |= {"width": width, "height": height}
    return arguments


def count_steps(model: LoadedModel, request: GenerationRequest) -> int:
    """Counts the denoising steps of one picture as its scheduler takes them: Heun and PNDM run more than asked,
    image-to-image fewer.
    """
    scheduler = build_scheduler(request.scheduler, model.scheduler_config, seed=0)
    shift = {"mu": 1.0} if scheduler.config.get("use_dynamic_shifting") else {}  # moves the steps, not their number
    scheduler.set_timesteps(request.num_inference_steps, **shift)
    if not isinstance(request, ImageToImageRequest):
        return len(scheduler.timesteps)
    pipeline = model.pipeline(request.task, scheduler=scheduler)
    timesteps, _ = pipeline.get_timesteps(request.num_inference_steps, request.strength, torch.device("cpu"))
    return len(timesteps)
