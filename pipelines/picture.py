"""One picture: an unmodified diffusers pipeline of its own, driven in one lane of the engine."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch

from .caches import TensorCache
from .ddim_cfgpp import show_unconditional
from .denoiser import Lane
from .errors import GenerationError
from .fitting import Fitting
from .framing import Frame
from .guidance_rescaling import rescaling_for
from .loading import LoadedModel
from .noise_answers import before_each_step
from .noise_wanted import noise_of
from .own_ways import OwnWays
from .previews import unpack_latents, watch_clean_guess
from .prompts import Conditioning
from .refining import Refining, count_refined_steps
from .request import GenerationRequest, ImageToImageRequest, InpaintRequest
from .scheduling import scheduler_for, timesteps_of
from .seeds import PictureSeeds
from .soft_inpainting import soften_steps
from .staged_prompts import guidance_after
from .standing_in import posterior_of, stand_ins
from .starting_latents import start_from
from .step_memory import StepMemory
from .touches import Touches

OnStep = Callable[[int, int, torch.Tensor], None]


def paint(
    model: LoadedModel,
    request: GenerationRequest,
    frame: Frame,
    embeddings: Conditioning,
    seeds: PictureSeeds,
    lane: Lane,
    cache: TensorCache,
    on_step: OnStep,
    fitting: Fitting | None = None,
    *,
    refining: Refining | None = None,
    over: Mapping[str, Any] | None = None,
    memory: StepMemory | None = None,
) -> Any:
    """Makes one picture of a request.

    Args:
        model: The networks.
        request: What is asked for.
        frame: Sizes and fitted pictures.
        embeddings: From :func:`~pipelines.prompts.encode_request`.
        seeds: This picture's own.
        lane: Where the networks are called; cancelling it ends the picture within a step.
        cache: Encoded pictures that need not be encoded again.
        on_step: Told steps done, steps in all, and the clean guess.
        fitting: What the request's pictures wear besides the model.
        refining: Who takes over for the last steps; None = nobody.
        over: What the pipeline is called with otherwise than it would be; a pass of several gets latents by it.
        memory: What the denoiser answered before; None = nothing is remembered.

    Returns:
        A picture, mode RGB, ``frame.size``; the latents where ``over`` has ``output_type="latent"``.

    Raises:
        Cancelled: The lane was cancelled.
        GenerationError: A network failed, or the picture came out as not-a-number.
    """
    scheduler = scheduler_for(model, request, seeds.seed)
    rescaling, after = rescaling_for(request, model.pipelines[request.task])
    noise = noise_of(request, seeds, model.device)
    own = OwnWays(Touches.of(request), after, posterior_of(noise), memory)
    done, total = 0, count_steps(model, request, refining) if refining else 0
    told = embeddings.of(request)
    by_step = told.by_step and told.by_step.counted_by(lambda: (done, total or pipeline.num_timesteps))
    pipeline = model.pipeline(request.task, scheduler=scheduler, **stand_ins(model, lane, cache, fitting, by_step, own))

    def step_done(guess: torch.Tensor) -> None:
        nonlocal done
        done += 1
        if not torch.isfinite(guess).all():
            raise GenerationError(
                f"The picture became not-a-number at step {done}; use another scheduler than {request.scheduler!r}, "
                "fewer steps, or a lower guidance_scale."
            )
        if request.stages:
            pipeline._guidance_scale = guidance_after(request, done)  # noqa: SLF001 - this picture's own pipeline
        last = done if getattr(scheduler, "has_arrived", False) else total or pipeline.num_timesteps
        on_step(done, last, unpack_latents(guess, *frame.working_size))

    watch_clean_guess(scheduler, step_done)
    before_each_step(scheduler, noise.begin_steps)
    if hasattr(pipeline, "unet"):
        show_unconditional(scheduler, pipeline.unet)
    generator = noise.generator
    with noise.answering():
        try:
            arguments = pipeline_arguments(request, frame, pipeline, model.guidance) | rescaling
            if request.stages:
                arguments |= guidance_arguments(guidance_after(request, 0), model.guidance, pipeline)
            arguments |= refining.first if refining else {}
            arguments |= start_from(request, frame, pipeline, generator)
            arguments |= soften_steps(request, frame, pipeline, generator)
            arguments |= over or {}
            result = pipeline(**arguments, **told.arguments, generator=generator)
        finally:
            pipeline.maybe_free_model_hooks()
        if refining:
            others = stand_ins(refining.model, lane, cache, own=own) | {"vae": pipeline.vae}
            result = refining.refine(
                result.images, request, others, lambda last: watch_clean_guess(last, step_done), generator
            )
    if isinstance(result.images, torch.Tensor):
        return result.images
    return frame.finish(result.images[0].convert("RGB"))


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
    arguments: dict[str, Any] = {"num_inference_steps": request.schedule_steps}
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
    timesteps = timesteps_of(model, request)
    if refining is None:
        return len(timesteps)
    scheduler = scheduler_for(refining.model, request, 0)
    scheduler.set_timesteps(request.schedule_steps)
    return count_refined_steps(timesteps, refining.model.pipeline("image_to_image", scheduler=scheduler), request)
