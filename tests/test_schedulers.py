"""Every sampler draws in every task, the same bits each time, and solves what it says it solves."""

from __future__ import annotations

import inspect
import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusers import (
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from PIL import Image

from pipelines.ddim_cfgpp import show_unconditional
from pipelines.dpm_adaptive import DPMAdaptiveScheduler
from pipelines.dpmpp_2s_ancestral import DPMSolver2SAncestralScheduler
from pipelines.sampler_table import SAMPLERS, SIGMA_FLAGS, SPACINGS
from pipelines.samplers import find_sampler, schedule_choices
from pipelines.schedulers import build_scheduler
from tests.sampler_orders import CONFIG as STABLE_DIFFUSION_1
from tests.sampler_orders import MEAN, SPREAD, flow_error, sigma_at, solve
from tests.sampler_orders import start as noise

NAMES = [sampler.name for sampler in SAMPLERS]
IN_PIPELINES = (*SIGMA_FLAGS, *SPACINGS, "Beta")
"""Schedules that are drawn with in every task; Beta stands for all that diffusers has no flag for."""
WITH_SCHEDULE = [
    name for sampler in SAMPLERS for schedule, name in schedule_choices(sampler.name) if schedule in IN_PIPELINES
]
TASKS = ("text_to_image", "image_to_image", "inpaint")
PICTURE = Image.linear_gradient("L").resize((64, 64)).convert("RGB")
MASK = Image.new("L", (64, 64), 0)
MASK.paste(255, (16, 16, 48, 48))

STARTER = {
    "_class_name": "EulerDiscreteScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 1e-4,
    "beta_end": 0.02,
    "beta_schedule": "linear",
    "prediction_type": "v_prediction",
    "timestep_spacing": "trailing",
    "steps_offset": 1,
    "clip_sample": False,
    "set_alpha_to_one": False,
}
"""Noise as the starter model was trained with."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small only wait for each other on two threads; and bits are compared across processes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def pipeline(tiny_pipeline: StableDiffusionPipeline) -> StableDiffusionPipeline:
    """The tiny pipeline with a U-Net of one level: some 500 pictures are drawn with it here."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        unet = UNet2DConditionModel(
            sample_size=8,
            block_out_channels=(8,),
            norm_num_groups=4,
            layers_per_block=1,
            down_block_types=("DownBlock2D",),
            mid_block_type=None,
            up_block_types=("UpBlock2D",),
            cross_attention_dim=16,
        ).eval()
    return StableDiffusionPipeline(**{**tiny_pipeline.components, "unet": unet}, requires_safety_checker=False)


# --- in pipelines ------------------------------------------------------------------------------------------------


def draw(pipeline: StableDiffusionPipeline, task: str, scheduler: Any, seed: int = 3) -> torch.Tensor:
    """Draws latents in three steps (two where a picture is given) and checks what progress would have shown."""
    kinds = {"image_to_image": StableDiffusionImg2ImgPipeline, "inpaint": StableDiffusionInpaintPipeline}
    parts = {**pipeline.components, "scheduler": scheduler}
    pipe = kinds.get(task, StableDiffusionPipeline)(**parts, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    given = {
        "text_to_image": {"height": 64, "width": 64},
        "image_to_image": {"image": PICTURE, "strength": 0.75},
        "inpaint": {"image": PICTURE, "mask_image": MASK, "strength": 0.75, "height": 64, "width": 64},
    }[task]
    ticks: list[int] = []

    def tick(pipe: Any, step: int, timestep: Any, values: dict[str, Any]) -> dict[str, Any]:
        ticks.append(step)
        return values

    shown = show_unconditional(scheduler, pipeline.unet)
    latents = pipe(
        prompt_embeds=torch.ones(1, 4, 16),
        negative_prompt_embeds=torch.zeros(1, 4, 16),
        num_inference_steps=3,
        generator=torch.Generator("cpu").manual_seed(seed),
        output_type="latent",
        callback_on_step_end=tick,
        **given,
    ).images
    if shown is not None:
        shown.remove()
    early = isinstance(scheduler, DPMAdaptiveScheduler)
    assert ticks == list(range(len(ticks) if early else pipe.num_timesteps))
    assert 0 < len(ticks) <= pipe.num_timesteps
    return latents


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", NAMES)
def test_every_sampler_draws_the_same_finite_picture_twice(name: str, task: str, pipeline) -> None:
    first = draw(pipeline, task, build_scheduler(name, STARTER, seed=3))
    torch.manual_seed(99)  # nothing may come from the noise everybody shares
    again = draw(pipeline, task, build_scheduler(name, STARTER, seed=3))
    assert first.isfinite().all()
    assert torch.equal(first, again)


@pytest.mark.parametrize("name", WITH_SCHEDULE)
def test_every_schedule_of_every_sampler_draws_in_every_task(name: str, pipeline) -> None:
    drawn = {task: draw(pipeline, task, build_scheduler(name, STARTER, seed=3)) for task in TASKS}
    assert all(picture.isfinite().all() for picture in drawn.values())
    again = draw(pipeline, "image_to_image", build_scheduler(name, STARTER, seed=3))
    assert torch.equal(drawn["image_to_image"], again)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("sampler", [it for it in SAMPLERS if hasattr(diffusers, it.scheduler)], ids=lambda it: it.name)
def test_a_bare_name_is_diffusers_own_class_bit_for_bit(sampler, task: str, pipeline) -> None:
    overrides = dict(sampler.overrides)
    if sampler.scheduler == "DPMSolverSDEScheduler":
        overrides["noise_sampler_seed"] = 3
    bare = getattr(diffusers, sampler.scheduler).from_config(STABLE_DIFFUSION_1, **overrides)
    with pytest.warns(UserWarning, match="Should have t") if "noise_sampler_seed" in overrides else nullcontext():
        expected = draw(pipeline, task, bare)
    ours = draw(pipeline, task, build_scheduler(sampler.name, STABLE_DIFFUSION_1, seed=3))
    assert torch.equal(ours, expected)


def walk(names: list[str], config: dict[str, Any]) -> list[Any]:
    """Walks a few pixels through four steps of each sampler; self-contained, so that another process can run it."""
    import torch

    from pipelines.schedulers import build_scheduler

    pixels = []
    for name in names:
        scheduler = build_scheduler(name, config, seed=3)
        scheduler.set_timesteps(4)
        generator = torch.Generator().manual_seed(3)
        extra = {} if name in ("DPM++ SDE", "LMS") else {"generator": generator}
        sample = torch.randn(1, 1, 4, 4, generator=generator)
        for timestep in scheduler.timesteps:
            scaled = scheduler.scale_model_input(sample, timestep)
            sample = scheduler.step(0.5 * scaled, timestep, sample, return_dict=False, **extra)[0]
        pixels.append(sample.tolist())
    return pixels


def test_the_same_picture_comes_out_of_a_new_process() -> None:
    names = ["DPM++ SDE", "DPM++ 2S a", "Euler a", "DPM++ 2M SDE", "DDPM", "LMS", "Restart", "DPM++ 3M SDE Beta"]
    code = (
        f"from __future__ import annotations\n{inspect.getsource(walk)}\n"
        f"import torch; torch.set_num_threads(1); print(walk({names!r}, {STARTER!r}))"
    )
    root = Path(__file__).resolve().parent.parent
    other = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=root, capture_output=True, check=True)
    assert other.stdout.decode().splitlines()[-1] == str(walk(names, STARTER))


# --- what a name makes -------------------------------------------------------------------------------------------


def test_one_picture_leaves_nothing_to_the_next() -> None:
    before = dict(STARTER)
    plain = layout(build_scheduler("DPM++ 2M", STARTER))
    karras = build_scheduler("DPM++ 2M Karras", STARTER)
    assert not torch.equal(layout(karras), plain)
    assert torch.equal(layout(build_scheduler("DPM++ 2M", karras.config)), plain)
    assert torch.equal(
        layout(build_scheduler("DPM++ 2M SDE Exponential", STARTER)),
        layout(build_scheduler("DPM++ 2M SDE Exponential", build_scheduler("Heun Karras", STARTER).config)),
    )
    assert before == STARTER


@pytest.mark.parametrize("name", NAMES)
def test_every_scheduler_is_a_fresh_one_that_shares_nothing(name: str) -> None:
    used = build_scheduler(name, STARTER)
    used.set_timesteps(4)
    expected = solve(used, torch.zeros(1, 1, 2, 2))
    used.alphas_cumprod.zero_()
    used.register_to_config(prediction_type="sample")
    fresh = build_scheduler(name, STARTER)
    fresh.set_timesteps(4)
    assert torch.equal(solve(fresh, torch.zeros(1, 1, 2, 2)), expected)


def test_betas_may_be_an_array() -> None:
    betas = np.linspace(1e-4, 0.03, 1000, dtype=np.float32)
    scheduler = build_scheduler("DPM++ 2S a", {**STARTER, "trained_betas": betas})
    torch.testing.assert_close(scheduler.alphas_cumprod, torch.from_numpy(1 - betas).cumprod(0))


def test_every_flag_is_said_off_as_well_as_on() -> None:
    flags = {"use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas"}
    leaked = {**STARTER, "use_karras_sigmas": True, "use_lu_lambdas": True}
    for name in NAMES:
        scheduler = build_scheduler(name, leaked)
        known = flags & set(inspect.signature(type(scheduler).__init__).parameters)
        assert not any(scheduler.config[flag] for flag in known)
    assert build_scheduler("Heun Exponential", leaked).config.use_exponential_sigmas
    assert not build_scheduler("Heun Exponential", leaked).config.use_karras_sigmas


@pytest.mark.parametrize("name", NAMES)
def test_what_the_checkpoint_was_trained_with_is_kept(name: str) -> None:
    config = build_scheduler(name, STARTER).config
    kept = {key: config[key] for key in ("prediction_type", "timestep_spacing", "beta_start", "beta_schedule")}
    assert kept == {key: STARTER[key] for key in kept}


@pytest.mark.parametrize("name", ["DDIM", "DDPM", "Heun", "LCM"])
def test_latents_are_never_clipped_even_if_the_checkpoint_is_silent(name: str) -> None:
    silent = {key: value for key, value in STABLE_DIFFUSION_1.items() if key != "clip_sample"}
    assert build_scheduler(name, silent).config.clip_sample is False


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("steps", [1, 2, 7, 20, 50])
def test_network_calls_are_as_many_as_the_table_says(name: str, steps: int) -> None:
    scheduler = build_scheduler(name, STARTER)
    scheduler.set_timesteps(steps)
    assert len(scheduler.timesteps) == find_sampler(name).sampler.calls(steps)


@pytest.mark.parametrize("name", ["DDIM", "DDPM", "PLMS"])
@pytest.mark.parametrize("steps", [61, 103, 121, 122])
def test_no_timestep_lies_before_the_first(name: str, steps: int) -> None:
    scheduler = build_scheduler(name, STARTER)
    scheduler.set_timesteps(steps)
    assert int(scheduler.timesteps.min()) >= 0
    assert len(scheduler.timesteps) == find_sampler(name).sampler.calls(steps)
    assert solve(scheduler, noise(scheduler)).std() == pytest.approx(SPREAD, rel=0.1)


def test_the_noise_of_dpmpp_sde_is_the_pictures_own() -> None:
    def sde(seed: Any, pictures: int = 1) -> torch.Tensor:
        scheduler = build_scheduler("DPM++ SDE Karras", STARTER, seed=seed)
        scheduler.set_timesteps(6)
        return solve(scheduler, torch.zeros(pictures, 1, 8, 8))

    torch.manual_seed(1)
    first = sde(7)
    torch.manual_seed(2)
    assert torch.equal(sde(7), first)
    assert not torch.equal(sde(8), first)
    assert torch.equal(sde(None), sde(None))
    together = sde([6, 7], pictures=2)
    assert torch.equal(together[1:], first)


# --- a problem whose answer is known -----------------------------------------------------------------------------
def layout(scheduler: Any, steps: int = 8) -> torch.Tensor:
    scheduler.set_timesteps(steps)
    return torch.cat([scheduler.timesteps.float(), scheduler.sigmas.float()])


def quiet_2s(**values: Any) -> DPMSolver2SAncestralScheduler:
    return DPMSolver2SAncestralScheduler.from_config(STABLE_DIFFUSION_1, **{"eta": 0.0, **values})


@pytest.mark.parametrize(
    ("make", "order"),
    [
        (lambda: build_scheduler("Euler Karras", STABLE_DIFFUSION_1), 1),
        (lambda: build_scheduler("Heun Karras", STABLE_DIFFUSION_1), 2),
        (lambda: build_scheduler("DPM++ 2M Karras", STABLE_DIFFUSION_1), 2),
        (lambda: quiet_2s(use_karras_sigmas=True), 2),
        (lambda: quiet_2s(use_exponential_sigmas=True), 2),
        (lambda: quiet_2s(use_karras_sigmas=True, prediction_type="v_prediction"), 2),
        (lambda: quiet_2s(use_karras_sigmas=True, prediction_type="sample"), 2),
    ],
    ids=["Euler", "Heun", "DPM++ 2M", "2S Karras", "2S Exponential", "2S velocity", "2S sample"],
)
def test_the_error_falls_as_fast_as_the_solvers_order_says(make, order: int) -> None:
    errors = [flow_error(make(), steps) for steps in (20, 40, 80)]
    measured = math.log2(errors[0] / errors[2]) / 2
    assert measured == pytest.approx(order, abs=0.15)
    assert errors[2] < {1: 0.06, 2: 0.003}[order]


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("DPM++ 2S a", 60),
        ("DPM++ 2S a Karras", 60),
        ("DPM++ 2S a Exponential", 60),
        ("Euler a", 150),
        ("DPM2 a Karras", 60),
        ("DPM++ SDE Karras", 60),
        ("DPM++ 2M SDE Exponential", 60),
        ("DDPM", 150),
    ],
)
@pytest.mark.parametrize("config", [STARTER, STABLE_DIFFUSION_1], ids=["starter", "sd1"])
def test_samplers_that_add_noise_draw_the_right_mean_and_spread(name: str, steps: int, config: dict[str, Any]) -> None:
    """4096 pixels: the mean is known to 0.0125 and the spread to 0.009 (one standard deviation)."""
    scheduler = build_scheduler(name, config, seed=11)
    scheduler.set_timesteps(steps)
    drawn = solve(scheduler, noise(scheduler))
    assert drawn.mean() == pytest.approx(MEAN, abs=0.04)
    assert drawn.std() == pytest.approx(SPREAD, abs=0.04)


@pytest.mark.parametrize("name", ["Euler", "Heun", "DPM++ 2M", "DPM++ 2S a", "LMS", "DDIM", "PLMS", "UniPC"])
def test_a_loop_begun_from_a_picture_ends_in_one_like_it(name: str) -> None:
    """Image to image: noise is added after 26 of 40 steps; what comes out has the pictures' mean and spread."""
    scheduler = build_scheduler(name, STABLE_DIFFUSION_1)
    scheduler.set_timesteps(40)
    first = 26 * scheduler.order
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(first)
    source = torch.Generator().manual_seed(4)
    picture = MEAN + SPREAD * torch.randn(1, 1, 64, 64, generator=source)
    fresh = torch.randn(picture.shape, generator=source)
    drawn = solve(scheduler, scheduler.add_noise(picture, fresh, scheduler.timesteps[first : first + 1]), first)
    assert drawn.mean() == pytest.approx(MEAN, abs=0.04)
    assert drawn.std() == pytest.approx(SPREAD, abs=0.04)
    assert torch.corrcoef(torch.stack([drawn.flatten(), picture.flatten()]))[0, 1] > 0.3


# --- the own class, as a diffusers scheduler ---------------------------------------------------------------------


def test_own_scheduler_is_saved_and_loaded_like_any_other(tmp_path: Path) -> None:
    scheduler = build_scheduler("DPM++ 2S a Karras", STARTER)
    scheduler.save_pretrained(tmp_path)
    again = DPMSolver2SAncestralScheduler.from_pretrained(tmp_path)
    assert torch.equal(layout(again), layout(scheduler))
    assert len(again) == 1000


def test_own_scheduler_agrees_with_diffusers_about_betas_and_timesteps() -> None:
    for schedule in ("linear", "scaled_linear", "squaredcos_cap_v2"):
        for spacing in ("linspace", "leading", "trailing"):
            config = {**STABLE_DIFFUSION_1, "beta_schedule": schedule, "timestep_spacing": spacing}
            own, euler = build_scheduler("DPM++ 2S a", config), build_scheduler("Euler", config)
            assert torch.equal(own.alphas_cumprod, euler.alphas_cumprod)
            own.set_timesteps(12)
            euler.set_timesteps(12)
            torch.testing.assert_close(own.timesteps[0::2], euler.timesteps.float(), atol=1e-2, rtol=0)
            assert float(own.init_noise_sigma) == pytest.approx(float(euler.init_noise_sigma), rel=1e-3)


def test_own_scheduler_goes_through_the_whole_trained_range() -> None:
    scheduler = build_scheduler("DPM++ 2S a Karras", STARTER)
    scheduler.set_timesteps(10)
    assert scheduler.sigmas[0] == pytest.approx(sigma_at(scheduler, 999), rel=1e-4)
    assert scheduler.sigmas[-2] == pytest.approx(sigma_at(scheduler, 0), rel=1e-4)
    assert scheduler.sigmas[-1] == 0
    assert (scheduler.sigmas.diff() <= 0).all()


def test_own_scheduler_noises_a_picture_for_where_the_loop_stands() -> None:
    scheduler = quiet_2s(timestep_spacing="trailing")
    scheduler.set_timesteps(5)
    zero, one = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    assert scheduler.add_noise(zero, one, scheduler.timesteps[4:5]).mean() == pytest.approx(float(scheduler.sigmas[4]))
    scheduler.set_begin_index(2)
    assert scheduler.add_noise(zero, one, scheduler.timesteps[2:3]).mean() == pytest.approx(float(scheduler.sigmas[2]))
    scheduler.step(one, scheduler.timesteps[2], one)
    assert scheduler.step_index == 3
    assert scheduler.add_noise(zero, one, scheduler.timesteps[3:4]).mean() == pytest.approx(float(scheduler.sigmas[3]))


def test_own_scheduler_draws_its_noise_from_each_pictures_generator() -> None:
    def after(pictures: int, generator: Any) -> torch.Tensor:
        scheduler = build_scheduler("DPM++ 2S a", STARTER)
        scheduler.set_timesteps(3)
        sample = torch.ones(pictures, 1, 4, 4)
        for timestep in scheduler.timesteps:
            sample = scheduler.step(0.1 * sample, timestep, sample, generator=generator).prev_sample
        return sample

    alone = after(1, torch.Generator().manual_seed(5))
    both = after(2, [torch.Generator().manual_seed(4), torch.Generator().manual_seed(5)])
    assert torch.equal(both[1:], alone)
    assert not torch.equal(both[:1], alone)


def test_own_scheduler_keeps_the_networks_float_type() -> None:
    scheduler = build_scheduler("DPM++ 2S a", STARTER)
    scheduler.set_timesteps(3)
    half = torch.ones(1, 1, 4, 4, dtype=torch.float16)
    for timestep in scheduler.timesteps:
        assert scheduler.scale_model_input(half, timestep).dtype == torch.float16
        half, guess = scheduler.step(half, timestep, half, return_dict=False)
        assert half.dtype == guess.dtype == torch.float16


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"use_karras_sigmas": True, "use_exponential_sigmas": True}, "both set"),
        ({"prediction_type": "flow"}, "prediction_type is 'flow'"),
        ({"beta_schedule": "quadratic"}, "beta_schedule is 'quadratic'"),
        ({"timestep_spacing": "random"}, "timestep_spacing is 'random'"),
    ],
)
def test_own_scheduler_refuses_what_it_does_not_know(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        DPMSolver2SAncestralScheduler(**wrong)
