"""The finer previews: the clean guess through a small decoder that was trained to stand in for the VAE (TAESD)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from diffusers import AutoencoderTiny
from PIL import Image
from safetensors import SafetensorError

from .building import load_pretrained
from .denoiser import Lane
from .errors import ModelError
from .memory import free_memory, is_out_of_memory
from .previews import Draw, to_jpeg

TINY_DECODER: Final = "taesd"
"""The folder inside a model's own where it lies, as ``AutoencoderTiny.save_pretrained`` writes it."""

SECONDS_APART: Final = 1 / 8
"""Guesses that come sooner are not decoded: more than eight pictures a second nobody can see apart."""

LARGEST_SIDE: Final = 512
"""Pixels; a larger preview is made smaller before it is encoded."""


def load_tiny_decoder(model: Path, channels: int, device: torch.device, dtype: torch.dtype) -> AutoencoderTiny | None:
    """Loads a model's small decoder, or gives None where it has none.

    Args:
        model: The model's folder.
        channels: Of its latents.
        device: Where it will run.
        dtype: What in.

    Raises:
        ModelError: It is damaged, or for latents of another kind.
    """
    folder = model / TINY_DECODER
    if not folder.is_dir():
        return None
    remedy = f"copy its files again, or remove the folder {TINY_DECODER!r}."
    try:
        made_for = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("latent_channels", 4)
        if made_for != channels:
            raise ModelError(
                f"the {TINY_DECODER} of model {model.name!r} is for {made_for} latent channels, and the model has "
                f"{channels}; {remedy}"
            )
        network: AutoencoderTiny = load_pretrained(AutoencoderTiny, folder, dtype, label="it")
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelError(f"the {TINY_DECODER} of model {model.name!r} cannot be loaded ({reason}); {remedy}") from error
    network.encoder = torch.nn.Identity()  # half of its weights; previews only decode
    return network.to(device).eval().requires_grad_(False)


class FinePreviews:
    """Draws one picture's previews, each an errand for the engine; the newest guess is decoded, or none.

    Args:
        network: The small decoder.
        lane: The picture's.
        otherwise: What draws where memory does not suffice.
        clock: Gives seconds.
    """

    def __init__(
        self,
        network: AutoencoderTiny,
        lane: Lane,
        otherwise: Draw,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._network, self._lane, self._otherwise, self._clock = network, lane, otherwise, clock
        self._last: float | None = None

    def draw(self, guess: torch.Tensor) -> bytes | None:
        """Gives a JPEG of the picture's own size, 512 pixels at most; None soon after the one before.

        Args:
            guess: Latents as the sampler holds them, shape [1, channels, height / 8, width / 8].

        Raises:
            Cancelled: The lane was cancelled.
        """
        if self._last is not None and self._clock() - self._last < SECONDS_APART:
            return None
        decoded = self._lane.run(lambda: self._decode(guess), between_steps=True)
        if decoded is None:
            return self._otherwise(guess)
        pixels = decoded[0].to("cpu", torch.float32).permute(1, 2, 0).numpy()
        picture = Image.fromarray(np.nan_to_num((pixels / 2 + 0.5) * 255).round().clip(0, 255).astype(np.uint8), "RGB")
        picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
        self._last = self._clock()
        return to_jpeg(picture)

    def _decode(self, guess: torch.Tensor) -> torch.Tensor | None:
        """The decoder's own output, -1 … 1; None where there is not enough memory: a preview is worth no failure."""
        config: Any = self._network.config
        try:
            latents = guess[:1].to(self._network.device, self._network.dtype)
            latents = latents / config.scaling_factor + config.shift_factor
            decoded: torch.Tensor = self._network.decode(latents, return_dict=False)[0]
            return decoded
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            error.__traceback__ = None
        free_memory()
        return None
