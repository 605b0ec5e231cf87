"""Guidance that keeps the spread of the prompt's own answer, where diffusers' pipelines cannot do it by themselves."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import torch

from .request import GenerationRequest

NAME: Final = "guidance_rescale"


def can_rescale(pipeline_class: Any) -> bool:
    """Whether pipelines of a class take ``guidance_rescale`` themselves."""
    return NAME in inspect.signature(pipeline_class.__call__).parameters


def rescaling_for(
    request: GenerationRequest, pipeline_class: Any
) -> tuple[dict[str, float], Callable[[Any], Any] | None]:
    """How a picture's pipeline comes to rescale.

    Args:
        request: What is asked for.
        pipeline_class: Of its pipeline.

    Returns:
        What the pipeline is called with besides, and what is done to each answer of the network; empty and None where
        nothing is to be done.
    """
    if not request.guidance_rescale or request.guidance_scale <= 1:
        return {}, None
    if can_rescale(pipeline_class):
        return {NAME: request.guidance_rescale}, None
    return {}, partial(rescale, scale=request.guidance_scale, share=request.guidance_rescale)


def rescale(answer: Any, scale: float, share: float) -> Any:
    """Puts the guided and rescaled answer in both places of a network's answer, so that guidance leaves it as it is.

    Args:
        answer: The network's, shape [2 × pictures, …], without the prompt first; one without guidance is left alone.
        scale: The guidance scale.
        share: How much is rescaled, 0 … 1 (Lin et al. 2023, equations 14 to 16; diffusers' own function).
    """
    from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import (
        rescale_noise_cfg,  # not sooner: it speaks
    )

    output: torch.Tensor = answer[0]
    if len(output) % 2:
        return answer
    plain, prompted = output.chunk(2)
    guided = plain + scale * (prompted - plain)
    both = torch.cat([rescale_noise_cfg(guided, prompted, guidance_rescale=share)] * 2)
    return (both,) if isinstance(answer, tuple) else type(answer)(sample=both)
