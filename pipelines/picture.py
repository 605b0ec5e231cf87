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
from .fitting import Fitting
from .framing import Frame
from .loading import LoadedModel
from .previews import unpack_latents, watch_clean_guess
from .refining import Refining, count_refined_steps
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
    fitting: Fitting | None = None,
    refining: Refining | None = None,
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
        fitting: What the request's pictures wear besides the model.
        refining: Who takes over for the last steps; None = nobody.

    Returns:
        Mode RGB, ``frame.size``.

    Raises:
        Cancelled: The lane was cancelled.
        GenerationError: A network failed, or the picture came out as not-a-number.
    """
    scheduler = build_scheduler(request.scheduler, model.scheduler_config, seed=seed)
    pipeline = model.pipeline(request.task, scheduler=scheduler, **stand_ins(model, lane, cache, fitting))
    done, total = 0, count_steps(model, request, refining) if refining else 0

    def step_done(guess: torch.Tensor) -> None:
        nonlocal done
        done += 1
        if not torch.isfinite(guess).all():
            raise GenerationError(
                f"The picture became not-a-number at step {done}; use another scheduler than {request.scheduler!r}, "
                "fewer steps, or a lower guidance_scale."
            )
        on_step(done, total or pipeline.num_timesteps, unpack_latents(guess, *frame.working_size))

    watch_clean_guess(scheduler, step_done)
    try:
        arguments = pipeline_arguments(request, frame, pipeline, model.guidance) | (refining.first if refining else {})
        generator = generator_for(seed)
        result = pipeline(**arguments, **embeddings, generator=generator)
    finally:
        pipeline.maybe_free_model_hooks()
    if refining:
        others = stand_ins(refining.model, lane, cache) | {"vae": pipeline.vae}
        result = refining.refine(
            result.images, request, others, lambda last: watch_clean_guess(last, step_done), generator
        )
    return frame.finish(result.images[0].convert("RGB"))


def stand_ins(model: LoadedModel, lane: Lane, cache: TensorCache, fitting: Fitting | None = None) -> dict[str, StandIn]:
    """What one picture's pipeline is given for each network of a model, by the component's name."""
    made: dict[str, StandIn] = {}
    for name, dtype in model.dtypes.items():
        network, known = model.components[name], {"dtype": dtype, "device": model.device}
        if name == "vae":
            chosen, key = (
                (network, model.key) if fitting is None or fitting.vae is None else (fitting.vae, fitting.vae_key)
            )
            made[name] = SharedVae(chosen, lane, cache, key, **known)
        elif name in ("unet", "transformer"):
            made[name] = SharedDenoiser(network, lane, None if fitting is None else fitting.worn, **known)
        else:
            made[name] = StandIn(network, lane, **known)
    return made


def pipeline_arguments(
    request: GenerationRequest, frame: Frame, pipeline: Any = None, guidance: str = "guidance_scale"
) -> dict[str, Any]:
    """What the task's diffusers pipeline is called with, but for prompts and noise.

    Args:
        request: What is asked for.
        frame: Sizes and fitted pictures.
        pipeline: The pipeline; image-to-image takes the picture's size in some and must be told it in others.
        guidance: What the family's pipelines call guidance: see :class:`~pipelines.families.Family`.
    """
    width, height = frame.working_size
    arguments: dict[str, Any] = {"num_inference_steps": request.num_inference_steps}
    arguments |= guidance_arguments(request.guidance_scale, guidance, pipeline)
    if isinstance(request, ImageToImageRequest):
        arguments |= {"image": frame.working_image, "strength": request.strength}
    if isinstance(request, InpaintRequest):
        arguments |= {"mask_image": frame.working_mask}
    if request.task != "image_to_image" or "width" in inspect.signature(type(pipeline).__call__).parameters:
        arguments |= {"width": width, "height": height}
    return arguments


def guidance_arguments(scale: float, guidance: str, pipeline: Any = None) -> dict[str, Any]:
    """A request's ``guidance_scale`` in the words of a family's pipelines.

    Args:
        scale: As the request has it: 1 switches guidance off.
        guidance: See :class:`~pipelines.families.Family`.
        pipeline: The pipeline; a Qwen-Image whose guidance is trained in takes the scale as an input, too.
    """
    if guidance == "zero_is_off":
        return {"guidance_scale": scale if scale > 1 else 0.0}
    if guidance == "true_cfg_scale":
        trained = bool(pipeline.transformer.config.get("guidance_embeds")) if pipeline is not None else False
        return {"true_cfg_scale": scale} | ({"guidance_scale": scale} if trained else {})
    return {guidance: scale}


def count_steps(model: LoadedModel, request: GenerationRequest, refining: Refining | None = None) -> int:
    """Counts the denoising steps of one picture as its scheduler takes them: Heun and PNDM run more than asked,
    image-to-image fewer; a refiner's are counted, too.
    """
    timesteps = _timesteps(model, request)
    if refining is None:
        return len(timesteps)
    scheduler = build_scheduler(request.scheduler, refining.model.scheduler_config, seed=0)
    scheduler.set_timesteps(request.num_inference_steps)
    return count_refined_steps(timesteps, refining.model.pipeline("image_to_image", scheduler=scheduler), request)


def _timesteps(model: LoadedModel, request: GenerationRequest) -> torch.Tensor:
    scheduler = build_scheduler(request.scheduler, model.scheduler_config, seed=0)
    shift = {"mu": 1.0} if scheduler.config.get("use_dynamic_shifting") else {}  # moves the steps, not their number
    scheduler.set_timesteps(request.num_inference_steps, **shift)
    if not isinstance(request, ImageToImageRequest):
        whole: torch.Tensor = scheduler.timesteps
        return whole
    pipeline = model.pipeline(request.task, scheduler=scheduler)
    timesteps, _ = pipeline.get_timesteps(request.num_inference_steps, request.strength, torch.device("cpu"))
    last: torch.Tensor = timesteps
    return last
