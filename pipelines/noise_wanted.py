"""The noise that a request asks for."""

from __future__ import annotations

import torch

from .noise import Lean, PictureNoise
from .request import GenerationRequest
from .seeds import PictureSeeds


def noise_of(request: GenerationRequest, seeds: PictureSeeds, device: torch.device) -> PictureNoise:
    """Makes all the noise of one picture.

    Args:
        request: What is asked for.
        seeds: The picture's.
        device: Where the model is, for the noise source of that name.
    """
    width, height = request.seed_resize_width, request.seed_resize_height
    lean = Lean(
        seeds.variation,
        request.variation_strength if seeds.variation is not None else 0.0,
        (width, height) if width and height else None,
    )
    delta = request.eta_noise_seed_delta or 0
    return PictureNoise(seeds.seed, request.noise_source, device, lean=lean, delta=delta)
