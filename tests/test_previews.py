"""The clean guess is exact for every scheduler and prediction type; its picture has the latents' colours."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import EulerDiscreteScheduler, FlowMatchEulerDiscreteScheduler
from PIL import Image

from pipelines.events import ImageFinished, StepCompleted
from pipelines.manager import PipelineManager
from pipelines.previews import LatentProjection, watch_clean_guess
from pipelines.request import TextToImageRequest
from pipelines.samplers import sampler_choices
from pipelines.schedulers import build_scheduler

CONFIG = {
    "beta_start": 1e-4,
    "beta_end": 0.02,
    "beta_schedule": "linear",
    "steps_offset": 1,
    "clip_sample": False,
}


def guesses_of(scheduler: Any, truth: torch.Tensor, prediction: str) -> list[torch.Tensor]:
    """Runs a scheduler on a network that always knows the truth, and collects what the watcher saw."""
    seen: list[torch.Tensor] = []
    watch_clean_guess(scheduler, seen.append)
    scheduler.set_timesteps(8)
    noise = torch.Generator().manual_seed(0)
    sample = torch.randn(truth.shape, generator=noise) * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        doubled = scheduler.scale_model_input(torch.cat([sample] * 2), timestep)[:1]
        alpha = float(np.interp(float(timestep), np.arange(1000), scheduler.alphas_cumprod.numpy()))
        epsilon = (doubled - math.sqrt(alpha) * truth) / math.sqrt(1 - alpha)
        velocity = math.sqrt(alpha) * epsilon - math.sqrt(1 - alpha) * truth
        output = epsilon if prediction == "epsilon" else velocity
        if hasattr(scheduler, "see_unconditional"):
            scheduler.see_unconditional(torch.cat([output] * 2))
        extra = {"generator": noise} if "generator" in scheduler.step.__wrapped__.__code__.co_varnames else {}
        sample = scheduler.step(output, timestep, sample, return_dict=False, **extra)[0]
    return seen


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("name", [name for _, name in sampler_choices()])
def test_the_guess_is_exact(name: str, prediction: str) -> None:
    truth = torch.randn(1, 4, 4, 4, generator=torch.Generator().manual_seed(1))
    scheduler = build_scheduler(name, CONFIG | {"prediction_type": prediction}, seed=3)
    seen = guesses_of(scheduler, truth, prediction)
    assert len(seen) == len(scheduler.timesteps)
    for guess in seen:
        torch.testing.assert_close(guess, truth, atol=2e-3, rtol=2e-3)


def test_flow_matching_subtracts_the_velocity() -> None:
    truth = torch.randn(1, 4, 4, 4, generator=torch.Generator().manual_seed(1))
    noise = torch.randn(1, 4, 4, 4, generator=torch.Generator().manual_seed(2))
    scheduler, seen = FlowMatchEulerDiscreteScheduler(), []
    watch_clean_guess(scheduler, seen.append)
    scheduler.set_timesteps(5)
    sample = noise
    for timestep in scheduler.timesteps:
        sample = scheduler.step(noise - truth, timestep, sample, return_dict=False)[0]
    for guess in seen:
        torch.testing.assert_close(guess, truth, atol=1e-4, rtol=1e-4)


def test_watching_changes_no_number() -> None:
    def run(watched: bool) -> torch.Tensor:
        scheduler = EulerDiscreteScheduler(**{key: CONFIG[key] for key in ("beta_start", "beta_end", "beta_schedule")})
        if watched:
            watch_clean_guess(scheduler, lambda guess: None)
        scheduler.set_timesteps(6)
        sample = torch.ones(1, 4, 4, 4) * scheduler.init_noise_sigma
        for timestep in scheduler.timesteps:
            sample = scheduler.step(scheduler.scale_model_input(sample, timestep) * 0.3, timestep, sample)[0]
        return sample

    assert torch.equal(run(True), run(False))


def test_the_projection_draws_the_colours_its_factors_say() -> None:
    projection = LatentProjection.from_data(
        {"factors": [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]], "bias": [0, 0, 0]}
    )
    latents = torch.full((1, 4, 6, 10), -1.0)
    latents[:, 0, :, :5] = 1.0
    picture = Image.open(io.BytesIO(projection.to_jpeg(latents)))
    assert picture.size == (10, 6) and picture.format == "JPEG"
    assert np.allclose(picture.getpixel((1, 3)), (255, 0, 0), atol=12)
    assert np.allclose(picture.getpixel((8, 3)), (0, 0, 0), atol=12)


def test_a_latent_that_is_not_a_number_still_draws() -> None:
    projection = LatentProjection(((1.0, 0.0, 0.0),) * 4)
    assert projection.to_jpeg(torch.full((1, 4, 4, 4), float("nan")))[:2] == b"\xff\xd8"


def test_the_starters_last_preview_has_the_colours_of_its_picture() -> None:
    manager = PipelineManager()
    events = list(manager.generate(TextToImageRequest(prompt="a red circle on a blue background", seed=7)))
    manager.close()
    (picture,) = (event.image for event in events if isinstance(event, ImageFinished))
    last = [event.preview for event in events if isinstance(event, StepCompleted)][-1]
    assert last is not None
    preview = np.asarray(Image.open(io.BytesIO(last))).astype(float)
    pooled = np.asarray(picture.reduce(8)).astype(float)
    assert preview.shape == pooled.shape
    # The model's latents are noisier than encoded pictures', so its previews are more saturated than its pictures;
    # a wrong range shifts the whole by more than 60.
    assert abs(preview.mean() - pooled.mean()) < 20
    assert np.corrcoef(preview.ravel(), pooled.ravel())[0, 1] > 0.9
