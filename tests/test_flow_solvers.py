"""DPM++ 2M, UniPC and LCM for flow matching: on the checkpoint's own levels, and to the exact answer."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from pipelines.errors import InvalidRequest
from pipelines.manager import PipelineManager
from pipelines.previews import watch_clean_guess
from pipelines.sampler_options import SamplerOptions
from pipelines.schedulers import build_scheduler
from tests.tiny_families import FLUX_SHIFT, save_family

PLAIN = {"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, "shift": 3.0}
DYNAMIC = PLAIN | FLUX_SHIFT
NAMES = ("DPM++ 2M", "UniPC", "LCM")
MEAN, SPREAD = 0.5, 0.3


def laid(name: str, config: dict[str, Any], steps: int) -> Any:
    scheduler = build_scheduler(name, config, seed=3)
    scheduler.set_timesteps(steps, **({"mu": 0.9} if config is DYNAMIC else {}))
    return scheduler


def solve(scheduler: Any, sample: torch.Tensor) -> torch.Tensor:
    """The loop of the flow pipelines, which hand no generator on, with the exact velocity for Gaussian data."""
    for timestep in scheduler.timesteps:
        sigma = float(timestep) / 1000
        variance = (1 - sigma) ** 2 * SPREAD**2 + sigma**2
        gain = (sigma - (1 - sigma) * SPREAD**2) / variance
        velocity = gain * (sample - (1 - sigma) * MEAN) - MEAN
        sample = scheduler.step(velocity, timestep, sample, return_dict=False)[0]
    return sample


@pytest.mark.parametrize("config", [PLAIN, DYNAMIC], ids=["sd3", "flux"])
@pytest.mark.parametrize("name", NAMES)
def test_the_levels_are_those_of_the_checkpoints_own_scheduler(name: str, config: dict[str, Any]) -> None:
    euler = build_scheduler("Euler", config)
    sigmas = [1.0, 0.75, 0.5, 0.25]
    shift = {"mu": 0.9} if config is DYNAMIC else {}
    euler.set_timesteps(sigmas=sigmas, **shift)
    scheduler = build_scheduler(name, config)
    scheduler.set_timesteps(sigmas=sigmas, **shift)
    torch.testing.assert_close(scheduler.sigmas, euler.sigmas, atol=2e-6, rtol=0)
    torch.testing.assert_close(scheduler.timesteps, euler.timesteps, atol=2e-3, rtol=0)


@pytest.mark.parametrize("config", [PLAIN, DYNAMIC], ids=["sd3", "flux"])
@pytest.mark.parametrize("name", NAMES)
def test_noise_becomes_the_data(name: str, config: dict[str, Any]) -> None:
    drawn = solve(laid(name, config, 30), torch.randn(20_000, 1, generator=torch.Generator().manual_seed(0)))
    assert float(drawn.mean()) == pytest.approx(MEAN, abs=0.02)
    # LCM leaps to the clean guess each step: on a network that is not distilled, it loses spread
    assert float(drawn.std()) == pytest.approx(SPREAD, abs=0.2 if name == "LCM" else 0.02)


@pytest.mark.parametrize(("name", "least"), [("Euler", 0.8), ("DPM++ 2M", 1.6), ("UniPC", 1.6)])
def test_the_error_falls_by_the_methods_order(name: str, least: float) -> None:
    """The flow takes x at σ = 1, pure noise n, to MEAN + SPREAD·n."""
    noise = torch.linspace(-2.5, 2.5, 21).reshape(-1, 1)
    exact = MEAN + SPREAD * noise
    errors = [float((solve(laid(name, PLAIN, steps), noise) - exact).abs().max()) for steps in (16, 64)]
    assert math.log2(errors[0] / errors[1]) / 2 > least


@pytest.mark.parametrize("config", [PLAIN, DYNAMIC], ids=["sd3", "flux"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("begin", [0, 3])
def test_the_guess_is_the_known_picture_at_every_step(name: str, config: dict[str, Any], begin: int) -> None:
    truth, noise = torch.randn(2, 1, 4, 4, 4, generator=torch.Generator().manual_seed(1))
    scheduler, seen = laid(name, config, 8), []
    watch_clean_guess(scheduler, seen.append)
    scheduler.set_begin_index(begin)
    sample = scheduler.scale_noise(truth, scheduler.timesteps[begin : begin + 1], noise)
    for place in range(begin, 8):
        sigma = float(scheduler.sigmas[place])
        velocity = (sample - truth) / sigma
        sample = scheduler.step(velocity, scheduler.timesteps[place], sample, return_dict=False)[0]
    assert len(seen) == 8 - begin
    for guess in seen:
        torch.testing.assert_close(guess, truth, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(sample, truth, atol=1e-4, rtol=1e-4)


def test_lcm_draws_its_noise_from_the_pictures_seed() -> None:
    def drawn(seed: Any, pictures: int = 1) -> torch.Tensor:
        scheduler = build_scheduler("LCM", PLAIN, seed=seed)
        scheduler.set_timesteps(4)
        return solve(scheduler, torch.zeros(pictures, 1, 4, 4))

    torch.manual_seed(1)
    first = drawn(7)
    torch.manual_seed(2)
    assert torch.equal(drawn(7), first)
    assert not torch.equal(drawn(8), first)
    assert torch.equal(drawn([6, 7], pictures=2)[1:], first)


def test_options_and_schedules_are_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"^eta is 0.5, .* with a flow-matching model"):
        build_scheduler("DPM++ 2M", PLAIN, options=SamplerOptions(eta=0.5))
    with pytest.raises(InvalidRequest, match="use 'DPM\\+\\+ 2M'"):
        build_scheduler("DPM++ 2M Karras", PLAIN)


@pytest.mark.parametrize("family", ["sd3", "flux"])
def test_unmodified_pipelines_draw_with_them(family: str, tmp_path: Path) -> None:
    """As diffusers' own pipelines call them: text to image and, where a picture is given, begun late."""
    from diffusers import DiffusionPipeline, FluxImg2ImgPipeline, StableDiffusion3Img2ImgPipeline
    from PIL import Image

    save_family(family, tmp_path / family)
    absent = {"text_encoder_3": None, "tokenizer_3": None} if family == "sd3" else {}
    pipe = DiffusionPipeline.from_pretrained(tmp_path / family, **absent)
    pipe.set_progress_bar_config(disable=True)
    config = dict(pipe.scheduler.config) | {"_class_name": "FlowMatchEulerDiscreteScheduler"}
    image_to_image = FluxImg2ImgPipeline if family == "flux" else StableDiffusion3Img2ImgPipeline
    for name in NAMES:
        scheduler = build_scheduler(name, config, seed=3)
        both = {"prompt": "x", "num_inference_steps": 3, "output_type": "latent", "max_sequence_length": 16}
        pipe.scheduler = scheduler
        drawn = pipe(width=64, height=64, generator=torch.Generator().manual_seed(1), **both).images
        assert torch.isfinite(drawn).all()
        other = image_to_image(**{**absent, **pipe.components, "scheduler": build_scheduler(name, config, seed=3)})
        other.set_progress_bar_config(disable=True)
        picture = Image.new("RGB", (64, 64), "teal")
        drawn = other(image=picture, strength=0.7, generator=torch.Generator().manual_seed(1), **both).images
        assert torch.isfinite(drawn).all()


def test_the_manager_still_refuses_what_a_family_does_not_list(tmp_path: Path) -> None:
    from pipelines.request import TextToImageRequest

    save_family("sd3", tmp_path / "sd3")
    manager = PipelineManager([tmp_path])
    with pytest.raises(InvalidRequest, match=r"^scheduler is 'PLMS'"):
        next(manager.generate(TextToImageRequest(prompt="x", model="sd3", scheduler="PLMS")))
    manager.close()
