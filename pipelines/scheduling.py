"""The scheduler of one picture of a request."""

from __future__ import annotations

from diffusers.schedulers.scheduling_utils import SchedulerMixin

from .loading import LoadedModel
from .request import GenerationRequest
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
