"""Prompts that change on the way, and ``AND``: through whole pictures, against diffusers driven by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import EulerDiscreteScheduler, StableDiffusionImg2ImgPipeline, StableDiffusionPipeline
from PIL import Image

from pipelines.caches import TensorCache
from pipelines.errors import InvalidRequest
from pipelines.events import ImageFinished
from pipelines.manager import PipelineManager
from pipelines.prompt_encoding import Encoded
from pipelines.prompt_steps import StepPrompts, Wanted
from pipelines.prompts import encode_request
from pipelines.request import ImageToImageRequest, TextToImageRequest

STEPS = 6
SIDE = 64
BOAT, CIRCLE = "a red boat", "the blue circle"
START = Image.effect_noise((SIDE, SIDE), 90).convert("RGB")


@pytest.fixture(scope="module")
def manager(tiny_model_dir: Path) -> Iterator[PipelineManager]:
    manager = PipelineManager([tiny_model_dir.parent], previews=False)
    yield manager
    manager.close()


@pytest.fixture(scope="module")
def bare(tiny_model_dir: Path) -> StableDiffusionPipeline:
    """The same model as diffusers alone loads it."""
    pipeline: StableDiffusionPipeline = StableDiffusionPipeline.from_pretrained(tiny_model_dir)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def made(manager: PipelineManager, prompt: str, kind: Any = TextToImageRequest, **more: Any) -> np.ndarray[Any, Any]:
    given = {"num_inference_steps": STEPS, "seed": 3, "guidance_scale": 5.0, "scheduler": "Euler", "model": "tiny"}
    sized = {"width": SIDE, "height": SIDE} if kind is TextToImageRequest else {"image": START}
    events = list(manager.generate(kind(prompt=prompt, deterministic=True, **given | sized | more)))
    (picture,) = (event.image for event in events if isinstance(event, ImageFinished))
    return np.asarray(picture).astype(int)


def by_hand(
    pipeline: StableDiffusionPipeline,
    text_at: Callable[[int], str],
    kind: Any = StableDiffusionPipeline,
    negative_at: Callable[[int], str] = lambda step: "",
    **more: Any,
) -> np.ndarray[Any, Any]:
    """diffusers alone; its callback gives the next step other embeddings."""
    scheduler = EulerDiscreteScheduler.from_config(pipeline.scheduler.config)
    own = kind(**{**pipeline.components, "scheduler": scheduler}, requires_safety_checker=False)
    own.set_progress_bar_config(disable=True)

    def embeddings(step: int) -> torch.Tensor:
        both = own.encode_prompt(text_at(step), "cpu", 1, True, negative_at(step))
        return torch.cat([both[1], both[0]])

    def change(_own: Any, step: int, _timestep: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        return {"prompt_embeds": embeddings(step + 1)}

    sized = {"width": SIDE, "height": SIDE} if kind is StableDiffusionPipeline else {"image": START}
    result = own(
        text_at(0),
        negative_prompt=negative_at(0),
        num_inference_steps=STEPS,
        guidance_scale=5.0,
        generator=torch.Generator().manual_seed(3),
        callback_on_step_end=change,
        callback_on_step_end_tensor_inputs=["prompt_embeds"],
        **sized,
        **more,
    )
    return np.asarray(result.images[0]).astype(int)


@pytest.mark.parametrize(
    ("prompt", "text_at"),
    [
        (f"[{BOAT}:{CIRCLE}:0.5]", lambda step: BOAT if step < 3 else CIRCLE),
        (f"[{BOAT}:{CIRCLE}:2]", lambda step: BOAT if step < 2 else CIRCLE),
        (f"{BOAT} [the background:4]", lambda step: f"{BOAT} " + ("" if step < 4 else "the background")),
        (f"[{BOAT}|{CIRCLE}]", lambda step: (BOAT, CIRCLE)[step % 2]),
        (f"[{BOAT}|{CIRCLE}|on]", lambda step: (BOAT, CIRCLE, "on")[step % 3]),
    ],
)
def test_a_picture_reads_each_step_its_own_prompt(
    manager: PipelineManager, bare: StableDiffusionPipeline, prompt: str, text_at: Callable[[int], str]
) -> None:
    picture = made(manager, prompt)
    assert (picture == by_hand(bare, text_at)).all()
    assert (picture != by_hand(bare, lambda step: text_at(0))).any(), "it changed on the way"


def test_the_negative_prompt_changes_too(manager: PipelineManager, bare: StableDiffusionPipeline) -> None:
    picture = made(manager, BOAT, negative_prompt=f"[{CIRCLE}:on:3]")
    hand = by_hand(bare, lambda step: BOAT, negative_at=lambda step: CIRCLE if step < 3 else "on")
    assert (picture == hand).all()


def test_image_to_image_counts_the_steps_that_run(manager: PipelineManager, bare: StableDiffusionPipeline) -> None:
    picture = made(manager, f"[{BOAT}:{CIRCLE}:0.5]", ImageToImageRequest, strength=0.7)
    assert int(STEPS * 0.7) == 4
    hand = by_hand(bare, lambda step: BOAT if step < 2 else CIRCLE, StableDiffusionImg2ImgPipeline, strength=0.7)
    assert (picture == hand).all()


def test_hires_goes_on_counting(manager: PipelineManager) -> None:
    larger = {"hires_scale": 2.0, "hires_strength": 0.5}
    boat, late, never = (
        made(manager, text, **larger) for text in (BOAT, f"[{BOAT}:{CIRCLE}:1.5]", f"[{BOAT}:{CIRCLE}:2.0]")
    )
    assert boat.shape == (2 * SIDE, 2 * SIDE, 3)
    assert (late != boat).any(), "half-way through the second pass"
    assert (never == boat).all()
    assert (made(manager, f"[{BOAT}:{CIRCLE}:1.5]") == made(manager, BOAT)).all(), "there is no second pass"
    by_steps = made(manager, f"[{BOAT}:{CIRCLE}:{STEPS + 1}]", hires_width=128, hires_height=128)
    assert (by_steps != made(manager, BOAT, hires_width=128, hires_height=128)).any(), "a size is a second pass, too"


def test_and_pulls_by_each_parts_weight(manager: PipelineManager, bare: StableDiffusionPipeline) -> None:
    pipe = bare
    weights = {BOAT: 1.0, CIRCLE: 0.6, "on": -0.3}
    scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config)
    scheduler.set_timesteps(STEPS)
    with torch.inference_mode():
        negative = pipe.encode_prompt("", "cpu", 1, False)[0]
        parts = [pipe.encode_prompt(text, "cpu", 1, False)[0] for text in weights]
        latents = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(3)) * scheduler.init_noise_sigma
        for timestep in scheduler.timesteps:
            scaled = scheduler.scale_model_input(latents, timestep)
            plain, *answers = (pipe.unet(scaled, timestep, one, return_dict=False)[0] for one in (negative, *parts))
            pulls = sum(weight * (one - plain) for weight, one in zip(weights.values(), answers, strict=True))
            latents = scheduler.step(plain + 5.0 * pulls, timestep, latents, return_dict=False)[0]
        decoded = pipe.vae.decode(latents / pipe.vae.config.scaling_factor, return_dict=False)[0]
    hand = np.asarray(pipe.image_processor.postprocess(decoded)[0]).astype(int)
    picture = made(manager, f"{BOAT} AND {CIRCLE} :0.6 AND on :-0.3")
    assert np.abs(picture - hand).max() <= 1
    assert np.abs(picture - made(manager, BOAT)).max() > 3
    assert (made(manager, f"{BOAT} AND {CIRCLE} :0") == made(manager, BOAT)).mean() > 0.99


def test_and_without_guidance_is_the_weighted_mean() -> None:
    def answer(sample: torch.Tensor, *_: object, encoder_hidden_states: torch.Tensor) -> tuple[torch.Tensor]:
        return (encoder_hidden_states.mean((1, 2)).reshape(-1, 1, 1, 1).expand(-1, 4, 2, 2) + 0 * sample,)

    rows = tuple(Encoded(torch.full((1, 77, 16), value)) for value in (1.0, 5.0))
    told = StepPrompts([Wanted(rows, (3.0, 1.0))], (), 1)
    (mean,) = told.denoise(answer, (torch.zeros(1, 4, 2, 2),), {"encoder_hidden_states": torch.zeros(1, 77, 16)})
    assert torch.allclose(mean, torch.full((1, 4, 2, 2), 2.0))


def test_samplers_with_more_timesteps_than_steps_read_in_step(manager: PipelineManager) -> None:
    never = made(manager, f"[{BOAT}:{CIRCLE}:{STEPS}]", scheduler="Heun")
    assert (never == made(manager, BOAT, scheduler="Heun")).all(), "11 network calls, 6 steps"
    assert (made(manager, f"[{BOAT}:{CIRCLE}:{STEPS - 1}]", scheduler="Heun") != never).any()


def test_what_does_not_change_costs_nothing(bare: StableDiffusionPipeline) -> None:
    for prompt in (BOAT, "a (red:1.2) boat", "[a boat]", "[a:a:3]", f"[{BOAT}:{CIRCLE}:1.5]"):
        told = encode_request(bare, prompt, "", 5.0, TensorCache(1 << 20), "tiny", steps=STEPS)
        assert told.by_step is None, prompt
    assert encode_request(bare, "a [b|c]", "", 5.0, TensorCache(1 << 20), "tiny", steps=STEPS).by_step


def test_a_bracket_at_any_step_is_looked_at(manager: PipelineManager) -> None:
    with pytest.raises(InvalidRequest, match="beyond 100"):
        made(manager, "[a boat:(on:1000):4]")
