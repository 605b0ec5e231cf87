import math

import pytest

from pipelines.errors import InvalidRequest
from pipelines.request import ImageToImageRequest, InpaintRequest, limits
from webui.controls import image_strength_of, slider, strength_of, whole
from webui.typed_seed import seed_of


@pytest.mark.parametrize(
    ("field", "label", "smallest", "largest", "step"),
    [
        ("guidance_scale", "Prompt strength", 1, 30, 0.1),
        ("num_inference_steps", "Generation steps", 1, 150, 1),
        ("num_images_per_prompt", "Image count", 1, 10, 1),
        ("mask_blur", "Mask softness", 0, 64, 1),
    ],
)
def test_a_slider_has_the_requests_limits_and_dream_studios_label(field, label, smallest, largest, step):
    made = slider(field, smallest, step=step)
    assert (made.label, made.minimum, made.maximum, made.step) == (label, smallest, largest, step)


@pytest.mark.parametrize(("image_strength", "strength"), [(0, 1.0), (35, 0.65), (100, 0.0), (1, 0.99), (66.5, 0.335)])
def test_image_strength_is_the_opposite_of_strength(image_strength, strength):
    assert strength_of(image_strength) == pytest.approx(strength, abs=1e-9)


def test_image_strength_goes_there_and_back_for_every_stop():
    assert [image_strength_of(strength_of(percent)) for percent in range(101)] == list(range(101))


def test_the_first_image_strength_is_dream_studios():
    assert image_strength_of(ImageToImageRequest.model_fields["strength"].default) == 35


@pytest.mark.parametrize("value", [math.nan, math.inf, -1, 101, None, "35", True, [35]])
def test_an_image_strength_that_is_no_percentage_is_refused(value):
    with pytest.raises(InvalidRequest, match=r"image strength is .*; it must be a number from 0 to 100"):
        strength_of(value)


@pytest.mark.parametrize(("percent", "steps", "strength"), [(95, 20, 0.05), (0, 1, 1.0), (100, None, 0.0)])
def test_an_image_strength_that_leaves_a_step_is_taken(percent, steps, strength):
    assert strength_of(percent, steps) == strength


def test_an_image_strength_that_leaves_no_step_is_refused_in_its_own_words():
    with pytest.raises(InvalidRequest, match="image strength is 96, which leaves less than one of 20 steps; lower it"):
        strength_of(96, 20)


@pytest.mark.parametrize("text", ["", "  ", "Auto", "auto", None, "-1"])
def test_an_empty_seed_asks_for_a_random_one(text):
    assert seed_of(text) == -1


@pytest.mark.parametrize(("text", "seed"), [("0", 0), (" 42 ", 42), ("4294967295", 4294967295)])
def test_a_seed_is_read(text, seed):
    assert seed_of(text) == seed


@pytest.mark.parametrize("text", ["abc", "a white cat", "<b>", "e", "...", "7 cats"])
def test_words_are_a_seed_the_same_every_day(text):
    assert 0 <= seed_of(text) == seed_of(f" {text}\n") <= 4294967295
    assert seed_of(text) != seed_of(text + "!")


@pytest.mark.parametrize("text", ["4294967296", "٣", "-2", "1.5", "9" * 5000, "1e3", "1,000", "4 294 967 296"])
def test_a_seed_that_is_none_is_refused_in_a_short_sentence(text):
    with pytest.raises(InvalidRequest, match=r"seed is .*; it must be a whole number from 0 to 4294967295") as caught:
        seed_of(text)
    assert len(str(caught.value)) < 150


def test_whole_numbers_lose_their_point_and_others_keep_it():
    assert [whole(value) for value in (4.0, 4.5, "4", None)] == [4, 4.5, "4", None]
    assert math.isnan(whole(math.nan))


def test_limits_come_from_the_request():
    assert limits(InpaintRequest, "guidance_scale") == {"minimum": 1.0, "maximum": 30.0}
