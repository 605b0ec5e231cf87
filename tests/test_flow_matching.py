"""Flow matching: only samplers made for it are taken, they reach the right pictures, and others are refused early."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FlowMatchHeunDiscreteScheduler, FluxPipeline

from pipelines.errors import InvalidRequest
from pipelines.manager import PipelineManager
from pipelines.previews import unpack_latents, watch_clean_guess
from pipelines.request import TextToImageRequest
from pipelines.samplers import sampler_choices
from pipelines.schedulers import build_scheduler
from tests.tiny_families import FLUX_SHIFT, save_family

PLAIN = {"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, "shift": 3.0}
DYNAMIC = PLAIN | FLUX_SHIFT


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("flow")
    for family in ("sd3", "flux"):
        save_family(family, root / family)
    return root


ABLE = {"sd3": ("Euler", "Heun", "DPM++ 2M", "UniPC", "LCM"), "flux": ("Euler", "DPM++ 2M", "UniPC", "LCM")}
UNFIT = [(model, name) for model, able in ABLE.items() for _, name in sampler_choices() if name not in able]


@pytest.mark.parametrize(("model", "name"), [*UNFIT, ("sd3", "Heun SGM Uniform"), ("flux", "Euler Karras")])
def test_other_samplers_are_refused_before_anything_is_loaded(models: Path, model: str, name: str) -> None:
    manager = PipelineManager([models])
    with pytest.raises(InvalidRequest, match=r"^scheduler is '.*', which cannot .* use '.*'\.$") as caught:
        next(manager.generate(TextToImageRequest(prompt="x", model=model, scheduler=name)))
    near = str(caught.value).split("use '")[1].removesuffix("'.")
    assert near in ABLE[model] and (near == "Euler" or name.startswith(near))
    assert caught.value.parameter == "scheduler"
    assert manager._workshop is None, "torch was not even asked for"


def test_the_nearest_is_named() -> None:
    with pytest.raises(InvalidRequest, match="use 'Heun'"):
        build_scheduler("Heun Karras", PLAIN)
    with pytest.raises(InvalidRequest, match="use 'Euler'"):
        build_scheduler("Euler a", PLAIN)


def test_heun_makes_pictures_with_stable_diffusion_3(models: Path) -> None:
    manager = PipelineManager([models])
    try:
        request = TextToImageRequest(
            prompt="x", model="sd3", scheduler="k_heun", width=64, height=64, num_inference_steps=4, seed=1
        )
        events = list(manager.generate(request))
        assert events[0].total_steps == len(events) - 3 == 7  # type: ignore[union-attr]
    finally:
        manager.close()


def test_the_checkpoints_shift_is_kept() -> None:
    own = FlowMatchEulerDiscreteScheduler(**FLUX_SHIFT)
    built = build_scheduler("Euler", DYNAMIC | {"use_karras_sigmas": False, "steps_offset": 1, "clip_sample": False})
    assert type(built) is FlowMatchEulerDiscreteScheduler
    for scheduler in (own, built):
        scheduler.set_timesteps(sigmas=[1.0, 0.75, 0.5, 0.25], mu=0.8)
    assert torch.equal(own.sigmas, built.sigmas)
    built = build_scheduler("Heun", PLAIN)
    assert type(built) is FlowMatchHeunDiscreteScheduler and built.config.shift == 3.0


def test_heun_that_cannot_shift_by_size_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="use 'Euler'"):
        build_scheduler("Heun", DYNAMIC)


@pytest.mark.parametrize(("name", "config"), [("Euler", PLAIN), ("Heun", PLAIN), ("Euler", DYNAMIC)])
@pytest.mark.parametrize("begin", [0, 3])
def test_the_guess_is_the_known_picture_at_every_step(name: str, config: dict[str, Any], begin: int) -> None:
    truth, noise = torch.randn(2, 1, 4, 4, 4, generator=torch.Generator().manual_seed(1))
    scheduler, seen = build_scheduler(name, config), []
    watch_clean_guess(scheduler, seen.append)
    scheduler.set_timesteps(8, **({"mu": 0.9} if config is DYNAMIC else {}))
    begin *= scheduler.order
    scheduler.set_begin_index(begin)
    timesteps = scheduler.timesteps[begin:]
    sample = scheduler.scale_noise(truth, timesteps[:1], noise)
    for timestep in timesteps:
        sample = scheduler.step(noise - truth, timestep, sample, return_dict=False)[0]
    assert len(seen) == len(timesteps)
    for guess in seen:
        torch.testing.assert_close(guess, truth, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(sample, truth, atol=1e-5, rtol=1e-5)


def spread(name: str, steps: int, of: float = 0.3, mean: float = 0.5) -> tuple[float, float]:
    """Mean and spread that a sampler makes of noise, given the exact velocity for Gaussian data.

    At σ a sample is (1-σ)·x + σ·n, normal with variance (1-σ)²s² + σ², so E[n - x | sample] is linear in it.
    """
    scheduler = build_scheduler(name, PLAIN)
    scheduler.set_timesteps(steps)
    sample = torch.randn(20_000, generator=torch.Generator().manual_seed(0))
    for timestep in scheduler.timesteps:
        sigma = float(timestep) / 1000
        variance = (1 - sigma) ** 2 * of**2 + sigma**2
        gain = (sigma - (1 - sigma) * of**2) / variance
        velocity = gain * (sample - (1 - sigma) * mean) - mean
        sample = scheduler.step(velocity, timestep, sample, return_dict=False)[0]
    return float(sample.mean()), float(sample.std())


@pytest.mark.parametrize(("name", "within"), [("Euler", 0.05), ("Heun", 0.01)])
def test_both_samplers_reach_the_data(name: str, within: float) -> None:
    mean, std = spread(name, 30)
    assert math.isclose(mean, 0.5, abs_tol=within) and math.isclose(std, 0.3, abs_tol=within), (mean, std)


def test_packed_latents_are_laid_out_as_flux_does() -> None:
    latents = torch.arange(16 * 6 * 10.0).reshape(1, 16, 6, 10)
    packed = FluxPipeline._pack_latents(latents, 1, 16, 6, 10)
    assert torch.equal(unpack_latents(packed, 80, 48), latents)
    assert unpack_latents(latents, 80, 48) is latents
