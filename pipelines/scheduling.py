"""The scheduler of one picture of a request, and the steps it takes."""

from __future__ import annotations

import torch
from diffusers.schedulers.scheduling_utils import SchedulerMixin

from .loading import LoadedModel
from .request import GenerationRequest, ImageToImageRequest
from .schedulers import build_scheduler


def scheduler_for(model: LoadedModel, request: GenerationRequest, seed: int) -> SchedulerMixin:
    """Makes a fresh one.

    Args:
        model: Its config, and which of the published tables of noise levels is its.
        request: Names the sampler, and its options.
        seed: The picture's.

    Raises:
        InvalidRequest: The model cannot draw with it, or not with an option.
    """
    family = "sdxl" if model.info.family.startswith("stable-diffusion-xl") else ""
    options = request.sampler_options
    return build_scheduler(request.scheduler, model.scheduler_config, seed=seed, options=options, family=family)


def timesteps_of(model: LoadedModel, request: GenerationRequest) -> torch.Tensor:
    """The timesteps of one picture, one for each step: image-to-image leaves the first out."""
    scheduler = scheduler_for(model, request, 0)
    shift = {"mu": 1.0} if scheduler.config.get("use_dynamic_shifting") else {}  # moves the steps, not their number
    scheduler.set_timesteps(request.schedule_steps, **shift)
    if not isinstance(request, ImageToImageRequest):
        whole: torch.Tensor = scheduler.timesteps
        return whole
    pipeline = model.pipeline(request.task, scheduler=scheduler)
    timesteps, _ = pipeline.get_timesteps(request.schedule_steps, request.strength, torch.device("cpu"))
    last: torch.Tensor = timesteps
    return last
