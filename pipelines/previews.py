"""The clean guess after each step, as a small JPEG: one formula for every scheduler, one matrix for the colours."""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image

OnStep = Callable[[torch.Tensor], None]

Draw = Callable[[torch.Tensor], bytes | None]
"""Makes a preview of a clean guess, as JPEG bytes, or none."""


@dataclass(frozen=True)
class LatentProjection:
    """A linear map from latent channels to RGB; cheap enough for every step.

    Attributes:
        factors: Shape [channels, 3]: RGB per unit of each latent channel, latents as the sampler holds them
            (multiplied by the VAE's scaling factor).
        bias: Shape [3].
        black: What stands for black in the result; white is 1.
    """

    factors: tuple[tuple[float, float, float], ...]
    bias: tuple[float, float, float] = (0.0, 0.0, 0.0)
    black: float = -1.0

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> LatentProjection:
        """Reads ``factors``, ``bias`` and ``range`` ([-1, 1] if absent) as a family's or model's JSON has them."""
        black = float(data.get("range", (-1, 1))[0])
        return cls(tuple(tuple(row) for row in data["factors"]), tuple(data.get("bias", (0.0, 0.0, 0.0))), black)

    def to_jpeg(self, latents: torch.Tensor) -> bytes:
        """Draws the first picture of a batch of latents.

        Args:
            latents: Shape [batch, channels, height / 8, width / 8], any float type, any device.

        Returns:
            A JPEG of the latents' own size, a kilobyte or two; the browser scales it up.
        """
        values = latents[0].detach().to("cpu", torch.float32).numpy()
        rgb = np.tensordot(values, np.asarray(self.factors, dtype=np.float32), axes=(0, 0))
        rgb = (rgb + np.asarray(self.bias, dtype=np.float32) - self.black) * (255.0 / (1.0 - self.black))
        return to_jpeg(Image.fromarray(np.nan_to_num(rgb).clip(0, 255).astype(np.uint8), "RGB"))


def to_jpeg(picture: Image.Image) -> bytes:
    """Encodes a preview: small, with colours as sharp as brightness."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=88, subsampling=0)
    return buffer.getvalue()


def unpack_latents(latents: torch.Tensor, width: int, height: int) -> torch.Tensor:
    """Lays Flux's tokens, each 2 × 2 latents of every channel, out as the picture they are; others are left alone.

    Args:
        latents: Shape [batch, tokens, channels × 4], or already [batch, channels, rows, columns].
        width: Of the picture, in any unit; only the shape matters.
        height: Likewise.
    """
    if latents.ndim == 4:
        return latents
    batch, tokens, depth = latents.shape
    rows = round(math.sqrt(tokens * height / width))
    patches = latents.reshape(batch, rows, tokens // rows, depth // 4, 2, 2)
    return patches.permute(0, 3, 1, 4, 2, 5).reshape(batch, depth // 4, rows * 2, tokens // rows * 2)


def watch_clean_guess(scheduler: Any, on_step: OnStep) -> None:
    """Lets ``on_step`` see the clean guess after each step of a scheduler that belongs to one request.

    The scheduler's arithmetic is untouched: its ``scale_model_input`` and ``step`` are only listened to. With the
    scaled input x, the network's output after guidance and ᾱ at the timestep, the clean guess is
    (x - √(1-ᾱ)·ε) / √ᾱ for noise prediction and √ᾱ·x - √(1-ᾱ)·v for velocity prediction (Ho et al. 2020,
    eq. 15; Salimans & Ho 2022, section 4). Flow matching: x - σ·v (Lipman et al. 2022).

    Args:
        scheduler: A fresh diffusers scheduler.
        on_step: Called with the clean guess, shape [1, channels, height / 8, width / 8].
    """
    scale, step = (
        scheduler.scale_model_input if hasattr(scheduler, "scale_model_input") else None,
        scheduler.step,
    )
    seen: dict[str, torch.Tensor] = {}

    if scale is not None:

        @functools.wraps(scale)
        def scale_and_remember(sample: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
            scaled: torch.Tensor = scale(sample, *args, **kwargs)
            seen["input"] = scaled
            return scaled

        scheduler.scale_model_input = scale_and_remember

    @functools.wraps(step)
    def step_and_tell(
        model_output: torch.Tensor, timestep: Any, sample: torch.Tensor, *args: Any, **kwargs: Any
    ) -> Any:
        scaled = seen.get("input", sample)[: model_output.shape[0]]
        guess = clean_guess(scheduler, scaled, model_output, timestep)
        result = step(model_output, timestep, sample, *args, **kwargs)
        on_step(guess)
        return result

    scheduler.step = step_and_tell


def clean_guess(scheduler: Any, scaled: torch.Tensor, output: torch.Tensor, timestep: Any) -> torch.Tensor:
    """The picture the network believes in at this step, as latents; see :func:`watch_clean_guess`."""
    prediction = scheduler.config.get("prediction_type", "epsilon")
    if not hasattr(scheduler, "alphas_cumprod"):
        sigma = float(timestep) / float(scheduler.config.num_train_timesteps)
        return scaled - sigma * output
    alpha = _interpolate(scheduler.alphas_cumprod, float(timestep))
    root, noise = math.sqrt(alpha), math.sqrt(1.0 - alpha)
    if prediction == "sample":
        return output
    if prediction == "v_prediction":
        return root * scaled - noise * output
    return (scaled - noise * output) / root


def _interpolate(table: torch.Tensor, timestep: float) -> float:
    """ᾱ between two whole timesteps: schedules such as Karras' stop in between."""
    last = len(table) - 1
    position = min(max(timestep, 0.0), float(last))
    below = int(position)
    low, high = float(table[below]), float(table[min(below + 1, last)])
    return low + (high - low) * (position - below)
