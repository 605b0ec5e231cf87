"""What the denoiser answered at each step of the pictures made lately, so that a branch need not ask again.

A picture is determined by its request and seed; so is each answer by the words and guidance of the steps before it.
A branch runs the pipeline from its beginning with the answers remembered, which costs the sampler's arithmetic alone,
and asks the network from its own first step on. Where they are forgotten it asks for all: the picture is the same.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Hashable
from typing import Any, Final

import torch
from PIL import Image

from .caches import TensorCache
from .fitting import Fitting
from .larger_rules import wants_hires, wants_tiles
from .loading import LoadedModel
from .request import GenerationRequest
from .seeds import PictureSeeds

STEP_BYTES: Final = 256 * 2**20
"""Answers kept: a hundred pictures of SD 1.5's size with twenty steps, thirty of SDXL's."""

SAID_OTHERWISE: Final = (
    *("prompt", "negative_prompt", "guidance_scale", "stages"),  # step by step, below
    *("seed", "variation_seed", "num_images_per_prompt", "loras"),  # as what they came to
    "model",
)
"""Request fields that a picture's key holds in another form."""


class StepMemory:
    """The answers of one picture, in the memory that all share.

    Args:
        shared: The memory.
        picture: What determines the picture but its words and guidance.
        request: Has these.
    """

    def __init__(self, shared: TensorCache, picture: Hashable, request: GenerationRequest) -> None:
        self._shared, self._picture, self._recalls = shared, picture, bool(request.stages)
        words = (request.prompt, request.negative_prompt)
        self._stages = [
            *((stage.until, (stage.prompt, stage.negative_prompt), stage.guidance_scale) for stage in request.stages),
            (sys.maxsize, words, request.guidance_scale),
        ]
        self._calls = 0

    def answer(self, ask: Callable[[], Any]) -> Any:
        """Gives the answer to the picture's next call: a branch's from memory, where it is there; else the network's.

        Args:
            ask: Asks the network.
        """
        index, self._calls = self._calls, self._calls + 1
        key = ("answer", self._picture, index, self._history(index))
        kept = self._shared.find(key) if self._recalls else None
        if kept is not None:
            kind, sample = kept[0], kept[1].clone()
            return (sample,) if kind is tuple else kind(sample=sample)
        fresh = ask()
        sample = fresh[0].detach()
        if bool(torch.isfinite(sample).all()):  # what went wrong once must not go wrong again
            self._shared.get(key, lambda: (type(fresh), sample.to("cpu", copy=True)))
        return fresh

    def _history(self, index: int) -> Hashable:
        """Words and guidance of the calls before, and the words of this one; a stage that changes nothing is none."""
        told: list[tuple[Hashable, float, int]] = []
        begun = 0
        for until, words, guidance in self._stages:
            calls = min(until, index) - begun
            if calls > 0:
                if told and told[-1][:2] == (words, guidance):
                    calls += told.pop()[2]
                told.append((words, guidance, calls))
            if index < until:
                break
            begun = until
        return tuple(told), words


def remembering(
    shared: TensorCache,
    model: LoadedModel,
    request: GenerationRequest,
    seeds: PictureSeeds,
    fitting: Fitting | None,
) -> StepMemory | None:
    """Gives a picture its memory; None where it cannot be branched, so that nothing need be remembered.

    Args:
        shared: The memory of all pictures.
        model: The networks.
        request: What is asked for, with the words of this picture.
        seeds: This picture's own.
        fitting: What it wears.
    """
    if wants_hires(request) or wants_tiles(request) or request.refiner or "unet" not in model.dtypes:
        return None
    told = {name: _told(getattr(request, name)) for name in type(request).model_fields if name not in SAID_OTHERWISE}
    wears: Hashable = None
    if fitting is not None:
        wears = (fitting.worn.denoiser, fitting.worn.text_encoder, fitting.vae_key, fitting.vocabulary.key)
    picture = (model.key, request.task, seeds, wears, tuple(sorted(told.items())))
    return StepMemory(shared, picture, request)


def _told(value: Any) -> Hashable:
    """A field's value as part of a key."""
    if isinstance(value, Image.Image):
        return value.size, value.mode, hashlib.sha256(value.tobytes()).hexdigest()
    return repr(value)
