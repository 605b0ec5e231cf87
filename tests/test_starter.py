"""The model that comes with Reverie: laid out as diffusers wants it, small, and drawing what it is told."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DEISMultistepScheduler,
    DPMSolverMultistepScheduler,
    DPMSolverSinglestepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    KDPM2AncestralDiscreteScheduler,
    KDPM2DiscreteScheduler,
    LMSDiscreteScheduler,
    PNDMScheduler,
    UniPCMultistepScheduler,
)

from pipelines.starter import judge
from pipelines.starter.export import weights_folder
from pipelines.starter.eye import look

SAMPLERS = [
    DDIMScheduler,
    DDPMScheduler,
    DEISMultistepScheduler,
    DPMSolverMultistepScheduler,
    DPMSolverSinglestepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    KDPM2AncestralDiscreteScheduler,
    KDPM2DiscreteScheduler,
    LMSDiscreteScheduler,
    PNDMScheduler,
    UniPCMultistepScheduler,
]


@pytest.fixture(scope="module")
def pipe():
    return judge.load()


def test_layout_is_diffusers_own(pipe) -> None:
    folder = weights_folder()
    index = json.loads((folder / "model_index.json").read_text())
    assert index["_class_name"] == "StableDiffusionPipeline"
    assert index["requires_safety_checker"] is False
    assert pipe.safety_checker is None
    assert pipe.unet.config.in_channels == pipe.vae.config.latent_channels == 4
    assert pipe.vae_scale_factor == 8
    assert pipe.unet.config.sample_size * pipe.vae_scale_factor == 128
    assert pipe.tokenizer.model_max_length == pipe.text_encoder.config.max_position_embeddings
    for name in ("vocab.json", "merges.txt"):
        assert (folder / "tokenizer" / name).stat().st_size
    for name in ("README.md", "preview.json", "prompts.json"):
        assert (folder / name).stat().st_size


def test_fits_into_a_repository() -> None:
    sizes = [path.stat().st_size for path in weights_folder().rglob("*") if path.is_file()]
    assert sum(sizes) <= 25_000_000
    assert max(sizes) <= 16 * 2**20


def test_scheduler_config_suits_every_scheduler(pipe) -> None:
    config = json.loads((weights_folder() / "scheduler" / "scheduler_config.json").read_text())
    assert config["prediction_type"] == "v_prediction"
    assert config["timestep_spacing"] == "trailing"
    assert config["clip_sample"] is False
    assert config["set_alpha_to_one"] is False
    assert config["steps_offset"] == 1  # the pipelines correct any other value, with a warning


def test_the_judges_rule_reads_painted_pictures() -> None:
    painted = judge.control(200)
    assert painted.background >= judge.CONTROL_BAR
    assert painted.colour >= judge.CONTROL_BAR
    assert painted.shape >= judge.CONTROL_BAR


@pytest.mark.slow
def test_draws_what_it_never_saw(pipe) -> None:
    drawn, _ = judge.judge(pipe)
    for name, bar in judge.BARS.items():
        assert getattr(drawn, name) >= bar, (name, drawn)


@pytest.mark.parametrize("prompt", ["a red circle on a blue background", "yellow star, black background"])
def test_same_seed_same_picture(pipe, prompt) -> None:
    first, second = (judge.draw(pipe, [prompt], seed=5)[0] for _ in range(2))
    assert first.tobytes() == second.tobytes()
    other = judge.draw(pipe, [prompt], seed=6)[0]
    assert first.tobytes() != other.tobytes()


def test_things_stand_where_they_are_asked_to(pipe) -> None:
    pairs = [
        ("blue circle", "white"),
        ("red square", "yellow"),
        ("black star", "pink"),
        ("white heart", "green"),
    ]
    axes = {"left": (0, 0.0), "right": (0, 1.0), "top": (1, 0.0), "bottom": (1, 1.0)}
    prompts = [f"a {thing} at the {place} of a {ground} background" for thing, ground in pairs for place in axes]
    centers = [look(picture).center for picture in judge.draw(pipe, prompts)]
    places = [place for _ in pairs for place in axes]
    right = [
        center is not None and abs(center[axes[place][0]] - axes[place][1]) < 0.45
        for center, place in zip(centers, places, strict=True)
    ]
    assert np.mean(right) >= 0.9


def test_sizes_are_obeyed(pipe) -> None:
    things = [
        "blue circle on a white background",
        "red square on a yellow background",
        "pink heart on a black background",
    ]
    small = judge.draw(pipe, [f"a small {thing}" for thing in things])
    large = judge.draw(pipe, [f"a large {thing}" for thing in things])
    for little, big in zip(small, large, strict=True):
        assert look(little).area < 0.6 * look(big).area


@pytest.mark.parametrize("terrain", ["hills", "the sea", "mountains", "a desert", "a beach"])
def test_night_is_dark_and_day_is_light(pipe, terrain) -> None:
    night, day = judge.draw(pipe, [f"{terrain} at night", f"{terrain} by day"], seed=3)
    assert np.asarray(night).mean() < 75
    assert np.asarray(day).mean() > 120


def test_sunset_glows(pipe) -> None:
    sunset, day = judge.draw(pipe, ["the sea at sunset", "the sea by day"], seed=3)
    warmth = [
        float(np.asarray(picture)[30:60, :, 0].mean() - np.asarray(picture)[30:60, :, 2].mean())
        for picture in (sunset, day)
    ]
    assert warmth[0] > 0 > warmth[1]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda sampler: sampler.__name__)
def test_every_sampler_draws_the_right_picture(pipe, sampler) -> None:
    usual = pipe.scheduler
    pipe.scheduler = sampler.from_config(usual.config)
    try:
        picture = judge.draw(pipe, ["a red circle on a blue background"], seed=2)[0]
    finally:
        pipe.scheduler = usual
    sight = look(picture)
    assert (sight.background, sight.colour, sight.shape) == ("blue", "red", "circle")


def test_preview_factors_show_the_picture(pipe) -> None:
    told = json.loads((weights_folder() / "preview.json").read_text())
    assert told["r_squared"] > 0.95
    generator = torch.Generator().manual_seed(1)
    prompt = "a yellow square on a purple background"
    latents = pipe(
        prompt, num_inference_steps=20, guidance_scale=judge.GUIDANCE, generator=generator, output_type="latent"
    ).images
    preview = torch.einsum("chw,cr->hwr", latents[0], torch.tensor(told["factors"])) + torch.tensor(told["bias"])
    picture = judge.draw(pipe, [prompt], seed=1)[0].reduce(8)
    likeness = np.corrcoef(np.asarray(picture).ravel(), preview.clamp(0, 1).numpy().ravel())[0, 1]
    assert likeness > 0.9


def test_listed_prompts_are_many_and_short(pipe) -> None:
    prompts = json.loads((weights_folder() / "prompts.json").read_text())["prompts"]
    assert len(prompts) >= 50
    assert len(set(prompts)) == len(prompts)
    assert all(len(pipe.tokenizer(prompt).input_ids) <= pipe.tokenizer.model_max_length for prompt in prompts)
