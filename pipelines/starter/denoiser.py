"""Trains the U-Net, and the text encoder with it: v-prediction, averaged weights, time where text decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel

from pipelines.starter.latents import Lesson
from pipelines.starter.network import new_scheduler
from pipelines.starter.progress import Course
from pipelines.starter.settings import Settings

PEAK = 6e-4
EARLY = 0.45  # the share of a batch whose noise is so strong that only the text says what to draw
EARLY_FROM = 650
FIRST_SHOW = 4.0  # minutes until the first export: others can use the model early
COARSE = 0.335  # the share of the time spent on latents of half the size: a quarter of the work, the same words
UNTOLD = 0.1  # the share of a batch that learns to draw without a caption, for guidance


@dataclass
class Artist:
    """The two networks that learn together.

    Attributes:
        unet: The denoiser.
        text_encoder: Reads the prompt for it.
    """

    unet: UNet2DConditionModel
    text_encoder: CLIPTextModel

    def modules(self) -> nn.ModuleDict:
        """Returns both as one module."""
        return nn.ModuleDict({"unet": self.unet, "text_encoder": self.text_encoder})


class Average:
    """A running mean of weights, which draws better than the weights of any one step."""

    def __init__(self, module: nn.Module, keep: float = 0.9985) -> None:
        self.keep = keep
        self.weights = {name: value.detach().clone() for name, value in module.state_dict().items()}

    @torch.no_grad()
    def take(self, module: nn.Module, step: int) -> None:
        """Moves the mean towards the module's weights; early on faster, as there is no past worth keeping."""
        keep = min(self.keep, (1 + step) / (10 + step))
        for name, value in module.state_dict().items():
            if value.is_floating_point():
                self.weights[name].lerp_(value, 1 - keep)


def _timesteps(count: int, rng: np.random.Generator) -> Tensor:
    early = round(EARLY * count)
    rest = count - early
    spread = (np.arange(rest) + rng.random(rest)) / rest * 1000
    times = np.concatenate([rng.integers(EARLY_FROM, 1000, early), spread])
    return torch.from_numpy(times.astype(np.int64).clip(0, 999))


def train_denoiser(
    artist: Artist,
    lesson: Lesson,
    settings: Settings,
    minutes: float,
    work: Path,
    show: Callable[[dict[str, Tensor], Course], None] | None = None,
    show_every: float = 20.0,
) -> Artist:
    """Trains the U-Net and the text encoder.

    Args:
        artist: A new U-Net, and a text encoder that knows its words.
        lesson: Latents and captions.
        settings: Batch size and seed.
        minutes: The time budget; the learning rate falls along a half cosine to its end.
        work: Where the checkpoint is kept.
        show: Called now and then with the averaged weights, so that they can be tried or exported.
        show_every: How often, in minutes.

    Returns:
        The same artist, with the averaged weights.
    """
    torch.manual_seed(settings.seed + 3)
    both = artist.modules()
    text = list(artist.text_encoder.parameters())
    groups = [{"params": list(artist.unet.parameters())}, {"params": text}]
    optimizer = torch.optim.AdamW(groups, lr=PEAK, betas=(0.9, 0.99), weight_decay=0.01)
    average = Average(both)
    course = Course("denoiser", minutes, work / "denoiser.pt")
    if state := course.resume():
        both.load_state_dict(state["both"])
        average.weights = state["average"]
        optimizer.load_state_dict(state["optimizer"])

    def save(*, finished: bool = False) -> None:
        state = {"both": both.state_dict(), "average": average.weights, "optimizer": optimizer.state_dict()}
        course.save(state, finished=finished)

    noising = DDPMScheduler.from_config(new_scheduler().config)
    rng = np.random.default_rng((settings.seed, 3, course.step))
    next_show = course.spent + 60 * min(FIRST_SHOW, show_every)
    for _ in course.steps():
        coarse = course.done < COARSE
        loss = denoising_loss(artist, lesson, settings.batch * (2 if coarse else 1), noising, rng, coarse=coarse)
        optimizer.param_groups[0]["lr"] = course.rate(PEAK, warmup=150)
        optimizer.param_groups[1]["lr"] = course.rate(PEAK / 2, warmup=150)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        optimizer.step()
        average.take(both, course.step)
        course.report(loss.item())
        if course.due(180):
            save()
        if show is not None and course.spent > next_show:
            next_show = course.spent + 60 * show_every
            show(average.weights, course)
    save(finished=True)
    both.load_state_dict(average.weights)
    return artist


def denoising_loss(
    artist: Artist, lesson: Lesson, count: int, noising: DDPMScheduler, rng: np.random.Generator, *, coarse: bool
) -> Tensor:
    """Returns how wrong the artist's guess at the velocity of noised latents is, on a random batch.

    Args:
        artist: The networks.
        lesson: Latents and captions.
        count: The batch's size.
        noising: What adds the noise.
        rng: Which pictures, captions and timesteps.
        coarse: Whether latents of half the size are used.
    """
    latents, tokens = lesson.batch(count, rng)
    if coarse:
        latents = F.avg_pool2d(latents, 2)
    untold = torch.from_numpy(rng.random(count) < UNTOLD)
    tokens = torch.where(untold[:, None], lesson.empty.long(), tokens)
    times = _timesteps(count, rng)
    noise = torch.randn(latents.shape)
    noisy = noising.add_noise(latents, noise, times)
    target = noising.get_velocity(latents, noise, times)
    states = artist.text_encoder(tokens).last_hidden_state
    return F.mse_loss(artist.unet(noisy, times, states).sample, target)
