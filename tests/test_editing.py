"""Every way to prepare an edit does what its name says, pixel by pixel."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipelines.colour_correction import match_colours, to_lab, to_rgb
from pipelines.errors import InvalidRequest
from pipelines.file_batch import find_pictures, requests_for
from pipelines.framing import frame_for
from pipelines.images import mask_from_alpha
from pipelines.loopback import Loopback
from pipelines.masked_content import fill_from_surroundings
from pipelines.only_masked import region_for
from pipelines.outpainting import grow_canvas, outpaint
from pipelines.request import ImageToImageRequest, InpaintRequest

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def thirds(size: tuple[int, int] = (96, 64)) -> Image.Image:
    """Red, green and blue from left to right."""
    image = Image.new("RGB", size, GREEN)
    image.paste(RED, (0, 0, size[0] // 3, size[1]))
    image.paste(BLUE, (size[0] - size[0] // 3, 0, *size))
    return image


def noise(size: tuple[int, int], seed: int = 0) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(values, "RGB")


def box_mask(size: tuple[int, int], box: tuple[int, int, int, int]) -> Image.Image:
    mask = Image.new("L", size)
    mask.paste(255, box)
    return mask


def inpaint(**values: Any) -> InpaintRequest:
    given = {
        "prompt": "x",
        "image": noise((96, 64)),
        "mask_image": box_mask((96, 64), (30, 20, 60, 44)),
        "mask_blur": 0,
    }
    return InpaintRequest(**(given | values))


def refusal(make: Any) -> str:
    with pytest.raises(InvalidRequest) as caught:
        make()
    sentence = str(caught.value)
    assert sentence.endswith(".") and sentence.count("\n") == 0
    return sentence


def fitted(mode: str) -> Image.Image:
    request = ImageToImageRequest(prompt="x", image=thirds(), width=128, height=128, resize_mode=mode)
    image = frame_for(request, 128).image
    assert image is not None and image.size == (128, 128)
    return image


def test_crop_fills_the_size_and_loses_the_sides() -> None:
    image = fitted("crop")  # 96 × 64 becomes 192 × 128, of which the middle 128 stay: 32 of the 64 red columns go
    assert [image.getpixel((x, 64)) for x in (4, 24, 64, 104, 124)] == [RED, RED, GREEN, BLUE, BLUE]
    assert image.getpixel((40, 64)) == GREEN


def test_resize_stretches_all_of_it() -> None:
    for mode in ("resize", "latent"):
        image = fitted(mode)
        assert [image.getpixel((x, 5)) for x in (38, 48, 80, 90)] == [RED, GREEN, GREEN, BLUE]


def test_fill_shows_all_of_it_and_repeats_its_edge() -> None:
    image = thirds()
    ImageDraw.Draw(image).line((0, 0, 95, 0), fill=(9, 9, 9))
    request = ImageToImageRequest(prompt="x", image=image, width=96, height=96, resize_mode="fill")
    result = np.asarray(frame_for(request, 96).image)
    assert (result[16:80] == np.asarray(image)).all()
    assert (result[:16] == 9).all() and (result[80:] == np.asarray(image)[-1]).all()


def test_a_picture_of_the_size_asked_for_is_left_alone_in_every_mode() -> None:
    image = noise((64, 64))
    for mode in ("resize", "crop", "fill", "latent"):
        frame = frame_for(ImageToImageRequest(prompt="x", image=image, width=64, height=64, resize_mode=mode), 64)
        assert frame.image is not None and frame.image.tobytes() == image.tobytes() and frame.latent_source is None


def test_an_inverted_mask_repaints_the_rest() -> None:
    frame, other = frame_for(inpaint(), 64), frame_for(inpaint(invert_mask=True), 64)
    painted = Image.new("RGB", (96, 64), RED)
    inside = np.asarray(inpaint().mask_image) == 255
    one, two = np.asarray(frame.finish(painted)), np.asarray(other.finish(painted))
    before = np.asarray(noise((96, 64)))
    assert (one[inside] == RED).all() and (one[~inside] == before[~inside]).all()
    assert (two[~inside] == RED).all() and (two[inside] == before[inside]).all()


def test_fill_shows_the_colours_around_and_original_what_is_there() -> None:
    image = thirds()
    mask = box_mask(image.size, (4, 20, 20, 40))
    image.paste(BLUE, (6, 22, 18, 38))
    original = frame_for(inpaint(image=image, mask_image=mask), 64).working_image
    filled = frame_for(inpaint(image=image, mask_image=mask, masked_content="fill"), 64).working_image
    assert original is not None and original.tobytes() == image.tobytes()
    assert filled is not None and filled.getpixel((12, 30)) == RED, "red is all around it"
    outside = np.asarray(mask) == 0
    assert (np.asarray(filled)[outside] == np.asarray(image)[outside]).all()


def test_fill_goes_smoothly_from_one_side_to_the_other() -> None:
    image = Image.new("RGB", (128, 32))
    image.paste((200, 100, 0), (64, 0, 128, 32))
    filled = np.asarray(fill_from_surroundings(image, box_mask(image.size, (16, 0, 112, 32)))).astype(int)
    middle = filled[16, 8:120, 0]
    assert (np.diff(middle) >= -1).all() and np.abs(np.diff(middle)).max() < 20 and 60 < middle[56] < 140
    everything = Image.new("L", image.size, 255)
    assert fill_from_surroundings(image, everything).tobytes() == image.tobytes()


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 5), (33, 64)])
def test_fill_takes_any_size(size: tuple[int, int]) -> None:
    mask = Image.new("L", size)
    mask.putpixel((0, 0), 255)
    assert fill_from_surroundings(noise(size), mask).size == size


def test_only_the_masked_part_is_painted_at_full_size_and_laid_back() -> None:
    image, mask = noise((300, 200)), box_mask((300, 200), (200, 150, 220, 160))
    frame = frame_for(inpaint(image=image, mask_image=mask, padding_mask_crop=10, width=128, height=64), 64)
    assert frame.region is not None and frame.region.box == (180, 140, 240, 170), "20 × 10 and 10 around it, at 2 to 1"
    assert frame.size == frame.working_size == (128, 64)
    cut = frame.image
    assert cut is not None and cut.tobytes() == image.crop((180, 140, 240, 170)).resize((128, 64), 1).tobytes()
    result = np.asarray(frame.finish(Image.new("RGB", (128, 64), RED)))
    inside = np.asarray(mask) == 255
    assert result.shape == (200, 300, 3)
    assert (result[inside] == RED).all() and (result[~inside] == np.asarray(image)[~inside]).all()


def test_a_part_at_the_border_of_a_narrow_picture_is_still_laid_where_it_was() -> None:
    image, mask = noise((40, 400)), box_mask((40, 400), (0, 380, 40, 400))
    frame = frame_for(inpaint(image=image, mask_image=mask, padding_mask_crop=0), 128)
    assert frame.size == (128, 128) and frame.region is not None
    left, top, right, bottom = frame.region.box
    assert (left, right, bottom) == (0, 40, 400) and top == 360
    painted = frame.image
    assert painted is not None
    back = np.asarray(frame.finish(painted)).astype(int)
    assert np.abs(back - np.asarray(image)).mean() < 4, "up and down again is nearly the same"


def test_a_region_keeps_the_shape_wherever_it_can() -> None:
    for seed in range(200):
        random = np.random.default_rng(seed)
        width, height = (int(side) for side in random.integers(64, 400, 2))
        left, top = int(random.integers(0, width - 1)), int(random.integers(0, height - 1))
        right, bottom = int(random.integers(left + 1, width + 1)), int(random.integers(top + 1, height + 1))
        region = region_for(
            box_mask((width, height), (left, top, right, bottom)), int(random.integers(0, 257)), (96, 64)
        )
        x0, y0, x1, y1 = region.box
        assert 0 <= x0 <= left and right <= x1 <= width and 0 <= y0 <= top and bottom <= y1 <= height
        if (x1 - x0, y1 - y0) != (width, height) and x1 - x0 < width and y1 - y0 < height:
            assert abs((x1 - x0) * 64 - (y1 - y0) * 96) <= 96


def test_a_large_picture_can_be_edited_in_part() -> None:
    image, mask = Image.new("RGB", (3000, 2100)), box_mask((3000, 2100), (100, 100, 200, 200))
    assert "64 to 2048" in refusal(lambda: inpaint(image=image, mask_image=mask))
    assert inpaint(image=image, mask_image=mask, padding_mask_crop=32).is_whole_painted is False


def test_soft_inpainting_keeps_what_the_mask_does_not_touch() -> None:
    mask = Image.new("L", (96, 64))
    mask.paste(Image.linear_gradient("L").rotate(90).resize((60, 64)), (36, 0))
    frame = frame_for(inpaint(mask_image=mask, mask_blur=30, soft_inpainting=True), 64)
    assert frame.mask_blur == 8 and frame.change_map is not None and frame.mask_image is not None
    assert set(np.unique(np.asarray(frame.mask_image))) <= {0, 255}
    result = np.asarray(frame.finish(Image.new("RGB", (96, 64), RED)))
    outside = np.asarray(mask) == 0
    assert (result[outside] == np.asarray(noise((96, 64)))[outside]).all() and tuple(result[32, 90]) == RED


def test_lab_is_the_published_one_and_goes_back() -> None:
    colours = np.array([[[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0], [1.0, 1.0, 1.0]]], dtype=np.float32)
    known = [[53.24, 80.09, 67.20], [87.73, -86.18, 83.18], [32.30, 79.19, -107.86], [100.0, 0.0, 0.0]]  # Lindbloom
    assert np.abs(to_lab(colours)[0] - known).max() < 0.02
    random = np.random.default_rng(0).random((32, 32, 3)).astype(np.float32)
    assert np.abs(to_rgb(to_lab(random)) - random).max() < 1e-3


def test_colour_correction_brings_colours_back_and_keeps_the_light() -> None:
    before = thirds().resize((64, 64)).convert("RGB")
    before = Image.blend(before, noise((64, 64)), 0.4)
    tinted = Image.fromarray((np.asarray(before) * [0.7, 0.8, 1.0] + [0, 0, 0]).astype(np.uint8), "RGB")
    mended = match_colours(tinted, before)

    def cast(image: Image.Image) -> np.ndarray:
        return to_lab(np.asarray(image, dtype=np.float32) / 255)[..., 1:].reshape(-1, 2).mean(0)

    assert np.abs(cast(mended) - cast(before)).max() < 0.5 * np.abs(cast(tinted) - cast(before)).max()
    light = np.array([0.3, 0.59, 0.11])
    assert np.abs(np.asarray(mended) @ light - np.asarray(tinted) @ light).max() < 2
    assert np.abs(np.asarray(match_colours(before, before)).astype(int) - np.asarray(before)).max() <= 4


def test_colours_are_corrected_only_where_that_is_asked_for() -> None:
    painted = Image.new("RGB", (64, 64), (90, 20, 20))
    plain = frame_for(ImageToImageRequest(prompt="x", image=noise((64, 64))), 64)
    asked = frame_for(ImageToImageRequest(prompt="x", image=noise((64, 64)), color_correction=True), 64)
    assert plain.finish(painted).tobytes() == painted.tobytes() != asked.finish(painted).tobytes()
    mask = box_mask((96, 64), (30, 20, 60, 44))
    edited = np.asarray(frame_for(inpaint(color_correction=True), 64).finish(noise((96, 64), 1)))
    outside = np.asarray(mask) == 0
    assert (edited[outside] == np.asarray(noise((96, 64)))[outside]).all()


def test_a_canvas_grows_by_each_side() -> None:
    grown = grow_canvas(thirds(), left=32, bottom=16, seam=8)
    assert grown.image.size == grown.mask_image.size == (128, 80) and grown.corner == (32, 0)
    old = np.asarray(grown.image)[:64, 32:]
    assert (old == np.asarray(thirds())).all() and grown.image.getpixel((2, 30))[0] > 220
    mask = np.asarray(grown.mask_image)
    assert (mask[:56, 40:] == 0).all() and (mask[:, :40] == 255).all() and (mask[56:] == 255).all()


def test_an_outpainted_seam_is_a_slope_and_the_rest_stays() -> None:
    request = outpaint(Image.new("RGB", (96, 64), GREEN), right=32, seam=16, prompt="x")
    assert request.mask_blur == 16 and request.image.size == (128, 64)
    result = np.asarray(frame_for(request, 64).finish(Image.new("RGB", (128, 64), BLUE))).astype(int)
    assert (result[:, :80] == GREEN).all() and (result[:, 96:] == BLUE).all()
    seam = result[32, 78:98, 2]
    assert (np.diff(seam) >= 0).all() and np.diff(seam).max() <= 20


def test_a_mask_is_read_from_transparency() -> None:
    image = noise((8, 8)).convert("RGBA")
    image.putpixel((3, 4), (1, 2, 3, 0))
    mask = np.asarray(mask_from_alpha(image))
    assert mask[4, 3] == 255 and mask.sum() == 255
    assert "nothing in image is transparent" in refusal(lambda: mask_from_alpha(noise((8, 8))))


@pytest.mark.parametrize("strength", [0.05, 0.1, 0.29, 0.35, 0.65, 0.7, 0.999, 1.0])
@pytest.mark.parametrize("steps", [1, 7, 20, 49])
def test_exact_steps_are_exact(strength: float, steps: int) -> None:
    request = ImageToImageRequest(
        prompt="x", image=noise((64, 64)), strength=strength, num_inference_steps=steps, exact_steps=True
    )
    assert int(request.schedule_steps * strength) == steps
    plain = ImageToImageRequest(prompt="x", image=noise((64, 64)), strength=1.0, num_inference_steps=steps)
    assert plain.schedule_steps == steps


def test_each_wrong_value_gets_one_sentence() -> None:
    picture = noise((64, 64))
    image = partial(ImageToImageRequest, prompt="x", image=picture)
    assert "one of resize, crop, fill, latent" in refusal(lambda: image(resize_mode="squash"))
    assert "true or false" in refusal(lambda: image(exact_steps="perhaps"))
    assert "raise strength to 0.02," in refusal(lambda: image(strength=0.01, exact_steps=True))
    assert "strength to 0.5" in refusal(
        lambda: image(strength=0.1, exact_steps=True, num_inference_steps=25, scheduler="LCM")
    )
    assert "raise strength" in refusal(lambda: image(strength=0, exact_steps=True))
    assert "0 to 256" in refusal(lambda: inpaint(padding_mask_crop=257))
    assert "one of original, fill" in refusal(lambda: inpaint(masked_content="nothing"))
    assert "covers the whole" in refusal(lambda: inpaint(mask_image=Image.new("L", (96, 64), 255), invert_mask=True))
    assert inpaint(mask_image=Image.new("L", (96, 64)), invert_mask=True).invert_mask
    assert "96 × 64" in refusal(lambda: inpaint(mask_image=Image.new("L", (64, 64), 255)))
    assert "left, right, top and bottom are all 0" in refusal(lambda: grow_canvas(picture))
    assert "left is -1" in refusal(lambda: grow_canvas(picture, left=-1))
    assert "seam is 65" in refusal(lambda: grow_canvas(picture, left=8, seam=65))
    assert "leaves nothing" in refusal(lambda: grow_canvas(picture, left=8, right=8, seam=32))
    assert "64 to 2048" in refusal(lambda: outpaint(picture, left=2048, prompt="x"))
    assert "loops is 0" in refusal(lambda: Loopback(image(), loops=0))
    assert "strength_factor is nan" in refusal(lambda: Loopback(image(), strength_factor=float("nan")))
    assert "less than one step" in refusal(lambda: Loopback(image(num_inference_steps=2), 4, 0.5))


def test_loopback_changes_strength_and_seed_from_turn_to_turn() -> None:
    request = ImageToImageRequest(
        prompt="x", image=noise((64, 64)), strength=0.5, seed=4294967294, num_images_per_prompt=3
    )
    loop = Loopback(request, 12, 0.8)
    assert loop.strengths[:3] == pytest.approx((0.5, 0.4, 0.32)) and loop.strengths[-1] == 0.1
    assert [loop.turn(turn, noise((64, 64), 1)).seed for turn in range(3)] == [4294967294, 4294967295, 0]
    assert loop.turn(0).num_images_per_prompt == 1 and loop.turn(0).image.tobytes() == request.image.tobytes()
    assert loop.turn(1, noise((64, 64), 1)).image.tobytes() == noise((64, 64), 1).tobytes()
    assert Loopback(request, 9, 1.5).strengths[-1] == 1.0
    masked = Loopback(inpaint(width=64, height=64), 2).turn(1, noise((64, 64)))
    assert isinstance(masked, InpaintRequest) and masked.mask_image.size == (64, 64)


def test_a_batch_takes_every_file_and_a_bad_one_stops_nobody(tmp_path: Path) -> None:
    for name in ("b10.png", "b2.png", "a.JPG"):
        noise((64, 64)).save(tmp_path / name)
    (tmp_path / "b3.png").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("x")
    made = list(requests_for(tmp_path, partial(ImageToImageRequest, prompt="x")))
    assert [one.path.name for one in made] == ["a.JPG", "b2.png", "b3.png", "b10.png"]
    assert [one.request is None for one in made] == [False, False, True, False]
    assert "not a picture" in made[2].problem and made[1].problem == ""
    masks = tmp_path / "masks"
    masks.mkdir()
    box_mask((64, 64), (0, 0, 9, 9)).save(masks / "b2.png")
    box_mask((64, 64), (0, 0, 9, 9)).resize((32, 32)).save(masks / "b10.png")
    masked = list(requests_for(tmp_path, partial(InpaintRequest, prompt="x"), masks=masks))
    assert [one.path.name for one in masked if one.request] == ["b2.png"]
    assert "add a.png" in masked[0].problem and "64 × 64" in masked[3].problem
    assert "no pictures" in refusal(lambda: find_pictures(_empty(tmp_path)))
    assert "does not exist" in refusal(lambda: find_pictures(tmp_path / "gone"))


def _empty(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"
