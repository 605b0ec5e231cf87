"""Requests refuse what cannot be run, in one sentence that names the field, its value and the way out."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from PIL import Image

from pipelines.errors import InvalidRequest, ReverieError
from pipelines.request import (
    GenerationRequest,
    ImageToImageRequest,
    InpaintRequest,
    TextToImageRequest,
    limits,
)

PICTURE = Image.new("RGB", (96, 64), "teal")
MASK = Image.new("L", (96, 64), 255)


def refusal(request: type[GenerationRequest], **values: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        request(**values)
    sentence = str(caught.value)
    assert "\n" not in sentence and sentence.endswith("."), sentence
    assert caught.value.parameter in sentence
    return caught.value


def test_defaults_are_ready_to_run() -> None:
    request = TextToImageRequest(prompt="a red circle")
    assert (request.num_inference_steps, request.guidance_scale, request.seed) == (20, 2.0, -1)
    assert request.width is None and request.model is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("num_inference_steps", 0),
        ("num_inference_steps", 151),
        ("num_inference_steps", float("nan")),
        ("num_inference_steps", 2.5),
        ("num_inference_steps", True),
        ("guidance_scale", float("nan")),
        ("guidance_scale", float("inf")),
        ("guidance_scale", 0.5),
        ("seed", -2),
        ("seed", 2**32),
        ("width", 100),
        ("width", 32),
        ("height", 4096),
        ("num_images_per_prompt", 0),
        ("num_images_per_prompt", 11),
        ("prompt", ""),
        ("prompt", " \n "),
        ("prompt", "x" * 20_001),
        ("prompt", None),
        ("scheduler", "Oiler"),
    ],
)
def test_out_of_range_is_one_sentence_that_names_the_field(field: str, value: Any) -> None:
    values = {"prompt": "x", "width": 64, "height": 64} | {field: value}
    assert refusal(TextToImageRequest, **values).parameter == field


def test_the_sentence_gives_value_and_range() -> None:
    assert str(refusal(TextToImageRequest, prompt="x", num_inference_steps=999)) == (
        "num_inference_steps is 999; it must be a whole number from 1 to 150."
    )


@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
def test_a_text_that_is_too_long_is_counted(field: str) -> None:
    sentence = str(refusal(TextToImageRequest, **{"prompt": "x", field: "x" * 29_999}))
    assert sentence == f"{field} has 29,999 characters; give at most 20,000."


def test_unknown_fields_are_refused_and_the_known_ones_named() -> None:
    assert "num_inference_steps" in str(refusal(TextToImageRequest, prompt="x", steps=20))


def test_one_side_alone_is_refused() -> None:
    assert "height" in str(refusal(TextToImageRequest, prompt="x", width=64))


def test_a_request_never_changes_after_it_is_made() -> None:
    request = TextToImageRequest(prompt="x")
    with pytest.raises(ValueError, match="frozen"):
        request.prompt = "y"  # type: ignore[misc]


@pytest.mark.parametrize("image", [None, "face.png", 3])
def test_an_image_that_is_none_is_refused(image: Any) -> None:
    assert refusal(ImageToImageRequest, prompt="x", image=image).parameter == "image"


def test_less_than_one_step_is_refused() -> None:
    assert "strength" in str(refusal(ImageToImageRequest, prompt="x", image=PICTURE, strength=0.04))
    ImageToImageRequest(prompt="x", image=PICTURE, strength=0.05)


def test_a_picture_too_large_to_paint_needs_a_size() -> None:
    large = Image.new("RGB", (3000, 200))
    assert "width and height" in str(refusal(ImageToImageRequest, prompt="x", image=large))
    ImageToImageRequest(prompt="x", image=large, width=512, height=64)


def test_masks_must_fit_and_mark_something() -> None:
    assert "64 × 64" in str(refusal(InpaintRequest, prompt="x", image=PICTURE, mask_image=MASK.resize((64, 64))))
    empty = Image.new("L", PICTURE.size, 0)
    assert "empty" in str(refusal(InpaintRequest, prompt="x", image=PICTURE, mask_image=empty))
    refusal(InpaintRequest, prompt="x", image=PICTURE, mask_image=None)


def test_given_pictures_become_rgb_and_masks_one_channel() -> None:
    clear = Image.new("RGBA", (96, 64), (255, 0, 0, 0))
    request = InpaintRequest(prompt="x", image=clear, mask_image=MASK.convert("RGB"))
    assert request.image.mode == "RGB" and request.image.getpixel((0, 0)) == (255, 255, 255)
    assert request.mask_image.mode == "L" and request.mask_image.getpixel((0, 0)) == 255


def test_the_callers_picture_is_not_the_requests() -> None:
    picture = PICTURE.copy()
    request = ImageToImageRequest(prompt="x", image=picture)
    picture.paste("black", (0, 0, 96, 64))
    assert request.image.getpixel((0, 0)) == PICTURE.getpixel((0, 0))


def test_limits_are_readable_for_the_page() -> None:
    assert limits(TextToImageRequest, "width") == {"minimum": 64, "maximum": 2048, "multipleOf": 8}
    assert limits(TextToImageRequest, "num_inference_steps") == {"minimum": 1, "maximum": 150}


def test_errors_cross_a_process_border_whole() -> None:
    copy = pickle.loads(pickle.dumps(InvalidRequest("seed", "seed is odd.")))
    assert (copy.parameter, str(copy)) == ("seed", "seed is odd.")
    assert isinstance(copy, ReverieError) and isinstance(copy, ValueError)
