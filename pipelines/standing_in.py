"""What one picture's pipeline is given for each network of a model."""

from __future__ import annotations

from typing import Any

import torch

from .caches import TensorCache
from .denoiser import Lane
from .fitting import Fitting
from .loading import LoadedModel
from .noise import PictureNoise
from .own_ways import OwnWays
from .prompt_steps import StepPrompts
from .standins import SharedDenoiser, SharedVae, StandIn


def posterior_of(noise: PictureNoise) -> torch.Generator | None:
    """What encoded pictures are sampled with, so that A1111's stream begins with the noise, as it does there.

    diffusers draws for the encoded picture first, from the same generator; None where that stays so.
    """
    return torch.Generator("cpu").manual_seed(noise.seed) if noise.source == "nv" else None


def stand_ins(
    model: LoadedModel,
    lane: Lane,
    cache: TensorCache,
    fitting: Fitting | None = None,
    prompts: StepPrompts | None = None,
    own: OwnWays | None = None,
) -> dict[str, StandIn]:
    """Gives them by the component's name.

    Args:
        model: Its networks.
        lane: Where they are called.
        cache: Encoded pictures that need not be encoded again.
        fitting: What the picture wears.
        prompts: Prompts that change from step to step.
        own: What else is its own.
    """
    own = own or OwnWays()
    made: dict[str, StandIn] = {}
    for name, dtype in model.dtypes.items():
        network = model.components[name]
        known: dict[str, Any] = {"dtype": dtype, "device": model.device}
        if name == "vae":
            chosen, key = (
                (network, model.key) if fitting is None or fitting.vae is None else (fitting.vae, fitting.vae_key)
            )
            ways: dict[str, Any] = {"seamless": own.touches.tiling, "posterior": own.posterior}
            made[name] = SharedVae(chosen, lane, cache, key, **ways, **known)
        elif name in ("unet", "transformer"):
            worn = None if fitting is None else fitting.worn
            made[name] = SharedDenoiser(network, lane, worn, prompts, own, **known)
        else:
            made[name] = StandIn(network, lane, **known)
    return made
