"""Any picture is brought to a size the model can paint, and back to exactly the size asked."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pipelines.framing import frame_for
from pipelines.request import ImageToImageRequest, InpaintRequest, TextToImageRequest

NOISE = Image.effect_noise((101, 90), 80).convert("RGB")


def test_words_alone_take_the_native_size_or_the_one_asked() -> None:
    assert frame_for(TextToImageRequest(prompt="x"), 128).size == (128, 128)
    assert frame_for(TextToImageRequest(prompt="x", width=192, height=64), 128).working_size == (192, 64)


def test_a_picture_keeps_its_own_size_through_padding() -> None:
    frame = frame_for(ImageToImageRequest(prompt="x", image=NOISE), 128)
    assert frame.size == (101, 90) and frame.working_size == (104, 96)
    assert frame.working_image is not None and frame.working_image.size == (104, 96)
    assert frame.finish(Image.new("RGB", (104, 96))).size == (101, 90)


def test_a_size_asked_for_covers_and_crops() -> None:
    frame = frame_for(ImageToImageRequest(prompt="x", image=NOISE, width=64, height=128), 128)
    assert frame.image is not None and frame.image.size == (64, 128)


@pytest.mark.parametrize("blur", [0, 6])
def test_outside_the_mask_nothing_changes_bit_for_bit(blur: int) -> None:
    mask = Image.new("L", NOISE.size)
    mask.paste(255, (30, 20, 80, 70))
    frame = frame_for(InpaintRequest(prompt="x", image=NOISE, mask_image=mask, mask_blur=blur), 128)
    result = np.asarray(frame.finish(Image.new("RGB", frame.working_size, "red")))
    outside = np.asarray(mask) == 0
    assert (result[outside] == np.asarray(NOISE)[outside]).all()
    assert tuple(result[45, 55]) == (255, 0, 0)
