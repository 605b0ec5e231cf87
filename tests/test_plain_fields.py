"""Finer settings: every request field has a control and a flag, and each value survives form, recipe and infotext."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.errors import InvalidRequest
from pipelines.request import ImageToImageRequest, InpaintRequest, TextToImageRequest, limits
from webui.library.foreign_more import MORE
from webui.library.infotext_more import take_more, write_more
from webui.library.request_fields import default_of, request_with
from webui.plain_fields import PLAIN, WHOLE, PlainField, fields_of
from webui.plain_form import PLAIN_NAMES, TYPED, asked_plain, first_plain

OTHERWISE = {
    *("prompt", "negative_prompt", "num_inference_steps", "guidance_scale", "scheduler", "seed", "width", "height"),
    *("num_images_per_prompt", "model", "loras", "vae", "refiner", "refiner_switch", "deterministic"),
    *("image", "strength", "mask_image", "mask_blur", "stages"),
}
"""Fields with a control of their own elsewhere on the page, or, as ``deterministic``, none."""

OTHER: dict[str, Any] = {
    "hires_scale": 2.0, "hires_upscaler": "Latent (nearest-exact)", "hires_strength": 0.55, "hires_steps": 12,
    "hires_scheduler": "DPM++ 2M", "hires_width": 512, "hires_height": 640, "resize_mode": "fill", "exact_steps": True,
    "color_correction": True, "tile_scale": 2.5, "tile_upscaler": "Nearest", "tile_size": 256, "tile_overlap": 32,
    "masked_content": "latent_noise", "padding_mask_crop": 32, "invert_mask": True, "soft_inpainting": True,
    "noise_source": "nv", "variation_seed": 77, "variation_strength": 0.3, "seed_resize_width": 512,
    "seed_resize_height": 384, "eta_noise_seed_delta": 31337, "clip_skip": 2, "guidance_rescale": 0.7, "tiling": True,
    "freeu": True, "freeu_b1": 1.2, "freeu_b2": 1.1, "freeu_s1": 0.8, "freeu_s2": 0.3, "eta": 0.4, "s_churn": 5.0,
    "s_tmin": 0.1, "s_tmax": 9.5, "s_noise": 1.05, "sigma_min": 0.03, "sigma_max": 14.5, "rho": 6.5,
    "prompt_syntax": "dream_studio",
}  # fmt: skip
"""A value other than the default for each."""


def test_every_field_of_every_request_can_be_set_on_the_page() -> None:
    known = {field.name for field in PLAIN} | OTHERWISE
    for kind in (TextToImageRequest, ImageToImageRequest, InpaintRequest):
        assert set(kind.model_fields) <= known, kind.task
        assert {field.name for field in fields_of(kind.task)} <= set(kind.model_fields), kind.task
    assert set(OTHER) == set(PLAIN_NAMES) == set(MORE)


@pytest.mark.parametrize("task", ["text_to_image", "image_to_image", "inpaint"])
def test_an_untouched_form_asks_for_the_defaults(task: str) -> None:
    asked = asked_plain(first_plain(), task)
    assert asked == {field.name: default_of(field.name) for field in fields_of(task)}


@pytest.mark.parametrize("field", PLAIN, ids=lambda field: field.name)
def test_sliders_hold_the_default_and_menus_every_value(field: PlainField) -> None:
    default, bounds = default_of(field.name), limits(request_with(field.name), field.name)
    if field.control == "slider":
        assert bounds["minimum"] <= default <= bounds["maximum"]
        assert ((default - bounds["minimum"]) / field.step) == pytest.approx(
            round((default - bounds["minimum"]) / field.step), abs=1e-6
        )
    if field.control == "menu":
        assert default in field.words
    if field.control in TYPED:
        assert default is None, "an empty control is the default"


def test_whole_numbers_are_known_without_the_request() -> None:
    numbers = [field for field in PLAIN if field.control in (*TYPED, "slider")]
    kinds = {field.name: str(request_with(field.name).model_fields[field.name].annotation) for field in numbers}
    assert {name for name, kind in kinds.items() if "int" in kind} == set(WHOLE)


@pytest.mark.parametrize("name", PLAIN_NAMES)
def test_what_is_typed_is_what_is_asked(name: str) -> None:
    field = next(field for field in PLAIN if field.name == name)
    task = next(task for task in ("text_to_image", "image_to_image", "inpaint") if field in tuple(fields_of(task)))
    typed = f"{OTHER[name]:g}" if field.control in TYPED else OTHER[name]
    assert asked_plain({name: typed}, task) == {name: OTHER[name]}


def test_words_in_a_number_are_refused_with_the_words() -> None:
    asked = asked_plain(first_plain() | {"eta": "a lot"}, "text_to_image")
    with pytest.raises(InvalidRequest, match="eta is 'a lot'"):
        TextToImageRequest(prompt="a boat", **asked)


@pytest.mark.parametrize("task", ["text_to_image", "image_to_image", "inpaint"])
def test_infotext_brings_every_field_back(task: str) -> None:
    request = {field.name: OTHER[field.name] for field in fields_of(task)}
    if task == "text_to_image":
        request |= {"hires_scale": 1.0}  # the text holds the scale or the size
    values = dict(write_more(request))
    read = dict(take_more(values))
    assert not values
    assert read == {name: value for name, value in request.items() if value != default_of(name)}


def test_infotext_holds_a_second_pass_by_its_scale() -> None:
    text = dict(write_more({"hires_scale": 1.5, "hires_strength": 0.4, "hires_upscaler": "Lanczos", "hires_steps": 0}))
    assert text == {"Denoising strength": "0.4", "Hires upscale": "1.5", "Hires upscaler": "Lanczos"}
    assert dict(take_more(text)) == {"hires_scale": 1.5, "hires_strength": 0.4, "hires_upscaler": "Lanczos"}


def test_infotext_says_nothing_of_defaults() -> None:
    for kind in (TextToImageRequest, ImageToImageRequest, InpaintRequest):
        assert not dict(write_more({name: info.default for name, info in kind.model_fields.items()}))


def test_an_empty_variation_says_nothing() -> None:
    assert not dict(write_more({"variation_seed": 5, "variation_strength": 0.0, "tile_size": 512, "tile_scale": 1.0}))
