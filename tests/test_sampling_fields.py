"""Requests' sampler options, CFG rescale and clip skip: what they change, and what they leave alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipelines import guidance_rescaling
from pipelines.errors import InvalidRequest
from pipelines.events import StepCompleted
from pipelines.hires import second_pass
from pipelines.manager import PipelineManager
from pipelines.request import TextToImageRequest
from tests.sampling import START, TASKS, ask, assert_refused, bare, differs, loaded, paint
from tests.tiny_families import save_family


@pytest.fixture(scope="module")
def manager(tiny_model_dir: Path) -> Iterator[PipelineManager]:
    manager = PipelineManager([tiny_model_dir])
    yield manager
    manager.close()


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PipelineManager]:
    """Knows a Stable Diffusion XL, and a Stable Diffusion 3, which has no U-Net."""
    folder = tmp_path_factory.mktemp("families")
    for family in ("sdxl", "sd3"):
        save_family(family, folder / family)
    manager = PipelineManager([folder])
    yield manager
    manager.close()


def of_family(manager: PipelineManager, family: str) -> str:
    return next(info.id for info in manager.models() if info.id.startswith(family) and info.id != "starter")


# --- the sampler's own numbers -----------------------------------------------------------------------------------

OPTIONS = [
    ("Euler a", {"eta": 0.3}),
    ("DPM++ 2M SDE", {"eta": 0.5, "s_noise": 0.9}),
    ("DDIM", {"eta": 1.0}),
    ("Heun", {"s_churn": 40.0}),
    ("Euler", {"s_churn": 40.0, "s_tmin": 0.5, "s_tmax": 8.0, "s_noise": 1.05}),
    ("DPM++ 2M Karras", {"sigma_min": 0.2, "sigma_max": 6.0}),
    ("Euler Karras", {"rho": 3.0}),
]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(("scheduler", "options"), OPTIONS)
def test_options_change_the_picture_to_what_diffusers_draws_with_them(
    manager: PipelineManager, task: str, scheduler: str, options: dict[str, float]
) -> None:
    request = ask(manager, task, scheduler=scheduler, **options)
    made, kept = paint(manager, request), np.zeros((64, 64), bool)
    kept[:, :32] = task == "inpaint"
    assert (made[~kept] == bare(manager, request)[~kept]).all()
    assert differs(made, paint(manager, ask(manager, task, scheduler=scheduler)))


def test_ddims_eta_is_diffusers_own(manager: PipelineManager) -> None:
    plain = ask(manager, scheduler="DDIM")
    assert not differs(paint(manager, plain.model_copy(update={"eta": 1.0})), bare(manager, plain, eta=1.0))


def test_the_second_pass_keeps_what_its_own_sampler_takes() -> None:
    hires: dict[str, Any] = {"hires_scale": 1.5, "hires_strength": 0.5, "s_noise": 0.9, "eta": 0.5, "prompt": "a"}
    same = second_pass(TextToImageRequest(scheduler="Euler a", **hires), START)
    other = second_pass(TextToImageRequest(scheduler="Euler a", hires_scheduler="Euler", **hires), START)
    assert (same.eta, same.s_noise) == (0.5, 0.9)
    assert (other.eta, other.s_noise) == (None, 0.9)


@pytest.mark.parametrize("larger", [{}, {"hires_scale": 1.5, "hires_strength": 0.6}])
def test_a_sampler_that_arrives_early_ends_its_progress(manager: PipelineManager, larger: dict[str, float]) -> None:
    request = ask(manager, scheduler="DPM adaptive", num_inference_steps=40, **larger)
    steps = [event for event in manager.generate(request) if isinstance(event, StepCompleted)]
    assert [event.step for event in steps] == list(range(1, len(steps) + 1))
    assert steps[0].total_steps > len(steps), "it had fewer to do than it might have"
    assert steps[-1].total_steps == len(steps)
    totals = [event.total_steps for event in steps]
    assert totals == sorted(totals, reverse=True)


# --- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"eta": 0.5}, r"^eta is 0\.5, which Euler does not take; leave it unset, or use 'Euler a'"),
        ({"s_churn": 3, "scheduler": "DPM++ 2M"}, r"^s_churn is 3\.0, which DPM\+\+ 2M does not take"),
        ({"rho": 5, "scheduler": "DPM++ 2M Beta"}, r"^rho is 5\.0, which DPM\+\+ 2M Beta does not take"),
        ({"sigma_min": 3, "sigma_max": 2, "scheduler": "Euler Karras"}, r"^sigma_min is 3\.0, not below sigma_max"),
        ({"s_noise": 2, "scheduler": "Euler a"}, r"^s_noise is 2; it must be a number from 0 to 1\.1"),
        ({"eta": True, "scheduler": "Euler a"}, "^eta is 'True'"),
        ({"rho": float("nan"), "scheduler": "Euler Karras"}, "^rho is nan"),
        ({"guidance_rescale": 0.5, "scheduler": "DDIM CFG++"}, r"^guidance_rescale is 0\.5, and DDIM CFG\+\+ has"),
        ({"guidance_rescale": 1.5}, r"^guidance_rescale is 1\.5; it must be"),
        ({"clip_skip": 13}, "^clip_skip is 13; it must be a whole number from 1 to 12"),
        ({"tiling": "perhaps"}, "^tiling is 'perhaps'; it must be true or false"),
        ({"freeu_b1": -1}, "^freeu_b1 is -1"),
    ],
)
@pytest.mark.parametrize("task", TASKS)
def test_what_cannot_be_is_one_sentence(
    manager: PipelineManager, task: str, values: dict[str, Any], sentence: str
) -> None:
    assert_refused(manager, task, values, sentence)


def test_tiling_refuses_what_paints_only_parts(manager: PipelineManager) -> None:
    with pytest.raises(InvalidRequest, match=r"^tiling is true, and with tile_scale 2 only parts"):
        ask(manager, "image_to_image", tiling=True, tile_scale=2)
    with pytest.raises(InvalidRequest, match=r"^tiling is true, and with padding_mask_crop 0 only parts"):
        ask(manager, "inpaint", tiling=True, padding_mask_crop=0)


@pytest.mark.parametrize("field", ["tiling", "freeu"])
def test_a_model_without_a_u_net_refuses(families: PipelineManager, field: str) -> None:
    request = ask(families, model=of_family(families, "sd3"), **{field: True})
    with pytest.raises(InvalidRequest, match=f"^{field} is true, which needs a Stable Diffusion 1, 2 or XL model"):
        list(families.generate(request))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"clip_skip": 2}, "^clip_skip is 2, which needs a Stable Diffusion 1"),
        ({"guidance_rescale": 0.7}, r"^guidance_rescale is 0\.7, which needs"),
        ({"s_churn": 5}, r"^s_churn is 5\.0, which Euler does not take with a flow-matching model"),
    ],
)
def test_a_flow_model_refuses_the_others_too(families: PipelineManager, values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidRequest, match=sentence):
        list(families.generate(ask(families, model=of_family(families, "sd3"), **values)))


# --- CFG rescale -------------------------------------------------------------------------------------------------


def test_rescaling_is_diffusers_own_where_it_has_it(manager: PipelineManager) -> None:
    request = ask(manager, guidance_rescale=0.7)
    assert not differs(paint(manager, request), bare(manager, request, guidance_rescale=0.7))


@pytest.mark.parametrize("scheduler", ["Euler", "DPM++ 2M Karras", "Euler a"])
def test_rescaling_by_hand_is_the_same_to_the_bit(
    manager: PipelineManager, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = ask(manager, guidance_rescale=0.7, scheduler=scheduler, prompt="a boat AND a circle:0.5")
    own = paint(manager, request)
    monkeypatch.setattr(guidance_rescaling, "can_rescale", lambda _pipeline_class: False)
    assert not differs(paint(manager, request), own)


@pytest.mark.parametrize("task", TASKS)
def test_rescaling_changes_every_task_and_nothing_without_guidance(manager: PipelineManager, task: str) -> None:
    assert differs(paint(manager, ask(manager, task, guidance_rescale=0.7)), paint(manager, ask(manager, task)))
    unguided = ask(manager, task, guidance_scale=1)
    rescaled = unguided.model_copy(update={"guidance_rescale": 0.7})
    assert not differs(paint(manager, rescaled), paint(manager, unguided))


# --- clip skip ---------------------------------------------------------------------------------------------------


def skipped(manager: PipelineManager, request: Any, layer: int) -> dict[str, torch.Tensor]:
    """Both prompts by a layer counted from the last, normalised: what diffusers' ``clip_skip`` would give them."""
    model = loaded(manager, request)
    tokenizer, encoder = (model.components[name] for name in ("tokenizer", "text_encoder"))
    found = {}
    for name, text in (("prompt_embeds", request.prompt), ("negative_prompt_embeds", request.negative_prompt)):
        ids = tokenizer(text, padding="max_length", return_tensors="pt").input_ids
        with torch.no_grad():
            states = encoder(ids, output_hidden_states=True).hidden_states
            found[name] = encoder.final_layer_norm(states[-layer])
    return found


@pytest.mark.parametrize("task", TASKS)
def test_clip_skip_is_a_hand_made_diffusers_call_bit_for_bit(manager: PipelineManager, task: str) -> None:
    request = ask(manager, task, clip_skip=2)
    made, kept = paint(manager, request), np.zeros((64, 64), bool)
    kept[:, :32] = task == "inpaint"
    assert (made[~kept] == bare(manager, request, **skipped(manager, request, 2))[~kept]).all()
    last = request.model_copy(update={"clip_skip": 1})
    assert differs(made, paint(manager, last))
    assert (paint(manager, last)[~kept] == bare(manager, last)[~kept]).all()


def test_clip_skip_beyond_the_encoder_is_refused(manager: PipelineManager) -> None:
    with pytest.raises(InvalidRequest, match=r"^clip_skip is 3, and the text encoder of model '.*' has 2 layers"):
        list(manager.generate(ask(manager, clip_skip=3)))


def test_xl_is_read_from_its_last_layer_but_one(families: PipelineManager) -> None:
    model = of_family(families, "sdxl")
    first, second = (paint(families, ask(families, model=model, clip_skip=skip)) for skip in (1, 2))
    assert not differs(first, second)
    assert not differs(first, bare(families, ask(families, model=model)))
