"""Soft inpainting: each pixel is free to change for as much of the way as the mask says.

After Levin and Fried 2023, "Differential Diffusion: Giving Each Pixel Its Strength" (arXiv:2306.00950), algorithm 1:
with *n* steps, a pixel whose change is *c* is held to the noised original until the share 1 - *c* of the steps is
done, and is painted freely from there on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from diffusers.utils.torch_utils import randn_tensor

from .framing import Frame
from .request import GenerationRequest
from .starting_latents import encode, refuse_other_latents

StepEnd = Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]]


def soften_steps(request: GenerationRequest, frame: Frame, pipeline: Any, generator: torch.Generator) -> dict[str, Any]:
    """Lets an unmodified inpainting pipeline paint softly.

    Args:
        request: What is asked for.
        frame: Sizes and fitted pictures.
        pipeline: The picture's own, and its scheduler.
        generator: The picture's own.

    Returns:
        What the pipeline is called with besides; nothing where the request does not ask for it.

    Raises:
        InvalidRequest: The model's latents are of another kind.
    """
    changes, original = frame.working_change_map, frame.working_original
    if changes is None or original is None:
        return {}
    refuse_other_latents(pipeline, "soft_inpainting", True)
    latents = encode(pipeline, original, generator)
    share = torch.from_numpy(np.asarray(changes, dtype=np.float32) / 255.0)[None, None]
    share = torch.nn.functional.interpolate(share, latents.shape[-2:], mode="area").to(latents.device)
    arguments: dict[str, Any] = {}
    noise: list[torch.Tensor] = []
    if getattr(request, "strength", 1.0) == 1.0:  # diffusers would draw the noise and tell nobody
        noise.append(randn_tensor(latents.shape, generator=generator, device=latents.device, dtype=latents.dtype))
        arguments["latents"] = noise[0]
    else:
        _overhear_noise(pipeline.scheduler, noise)
    return arguments | {"callback_on_step_end": _holding(latents, share, noise)}


def held(share: torch.Tensor, done: int, steps: int) -> torch.Tensor:
    """Tells which latents are still held to the original when ``done`` of the ``steps`` are done.

    Args:
        share: How much each may change, 0 … 1.
        done: Steps done; once it is ``steps``, nothing is held.
        steps: Steps in all.
    """
    return (1.0 - share) > done / steps


def _holding(original: torch.Tensor, share: torch.Tensor, noise: list[torch.Tensor]) -> StepEnd:
    def after_step(pipeline: Any, index: int, _timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        done, steps = index + 1, pipeline.num_timesteps
        if done == steps:
            return tensors
        scheduler, latents = pipeline.scheduler, tensors["latents"]
        first = getattr(scheduler, "begin_index", None)
        first = len(scheduler.timesteps) - steps if first is None else first
        now = scheduler.timesteps[first + done].reshape(1)
        noised = scheduler.add_noise(original.to(latents), noise[0].to(latents), now)
        return tensors | {"latents": torch.where(held(share, done, steps), noised, latents)}

    return after_step


def _overhear_noise(scheduler: Any, heard: list[torch.Tensor]) -> None:
    """Notes the noise that the pipeline draws, when it adds it to the picture for the first time."""
    add = scheduler.add_noise

    def add_and_note(samples: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        if not heard:
            heard.append(noise)
        noised: torch.Tensor = add(samples, noise, timesteps)
        return noised

    scheduler.add_noise = add_and_note
