"""Growing, loopback, many pictures and masks from transparency, as the page and the command line ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipelines.errors import InvalidRequest
from pipelines.events import ImageFinished
from pipelines.loopback import Loopback
from pipelines.request import GenerationRequest, ImageToImageRequest, InpaintRequest
from webui import commands
from webui.growing import SEAM, SIDES, grown, size_choice
from webui.library.picture import SavedPicture, unsaved_picture
from webui.looping import LoopbackPlan, asks_for_loops, loopback_asked
from webui.many_pictures import MOST_FILES, FilesPlan, files_asked
from webui.masks import as_painted, brushed_mask, transparent_mask
from webui.origin import Origin
from webui.refusal import CannotStart

START = Image.effect_noise((64, 64), 90).convert("RGB")
FORM = {"task": "image_to_image", "loops": 1, "strength_factor": 1.0, "files": None, "mask": ""}


def ask(**values: Any) -> ImageToImageRequest:
    return ImageToImageRequest(**({"prompt": "x", "image": START, "strength": 0.5, "num_inference_steps": 20} | values))


def kept(request: GenerationRequest, colour: str, seed: int = 7) -> SavedPicture:
    """A finished picture that no disk took, so that its pixels are in memory."""
    return unsaved_picture(request, ImageFinished(0, Image.new("RGB", (64, 64), colour), seed), notice="x")


def refusal(make: Any) -> str:
    with pytest.raises(InvalidRequest) as caught:
        make()
    assert str(caught.value).endswith(".")
    return str(caught.value)


# ---- loopback


def test_each_loop_begins_with_the_picture_before_and_comes_from_it() -> None:
    plan = LoopbackPlan(Loopback(ask(), 3, 0.8), Origin("a" * 32, None, "enhance"))
    first = plan.next_request(())
    assert isinstance(first, ImageToImageRequest) and first.image.tobytes() == START.tobytes()
    assert plan.origin(()) == Origin("a" * 32, None, "enhance")
    made = ((kept(first, "red"),),)
    second = plan.next_request(made)
    assert isinstance(second, ImageToImageRequest) and second.image.getpixel((0, 0)) == (255, 0, 0)
    assert (second.strength, second.seed) == (0.4, 8)
    assert plan.origin(made) == Origin(made[0][0].id, None, "enhance")
    made += ((kept(second, "blue", 8),),)
    third = plan.next_request(made)
    assert isinstance(third, ImageToImageRequest) and third.image.getpixel((0, 0)) == (0, 0, 255)
    assert third.strength == pytest.approx(0.32) and third.seed == 9, "counted from the first"
    assert plan.next_request((*made, (kept(third, "red"),))) is None and plan.count == 3


def test_a_loop_that_gave_no_picture_is_the_last() -> None:
    plan = LoopbackPlan(Loopback(ask(), 5), Origin())
    assert plan.next_request(((),)) is None


def test_one_loop_is_no_series_and_wrong_loops_are_refused() -> None:
    asked = partial(loopback_asked, request=ask(), origin=Origin())
    assert asked(FORM) is None and asked({**FORM, "task": "text_to_image", "loops": 5}) is None
    assert not asks_for_loops({**FORM, "loops": None})
    plan = asked({**FORM, "loops": 4.0})
    assert plan is not None and plan.count == 4
    assert "loops is 33" in refusal(lambda: asked({**FORM, "loops": 33}))
    assert "strength_factor is 3" in refusal(lambda: asked({**FORM, "loops": 2, "strength_factor": 3}))


# ---- many pictures


def files(folder: Path) -> list[Path]:
    """A red picture, no picture, half a picture, and a blue one."""
    for name, colour in (("red.png", "red"), ("blue.jpg", "blue")):
        Image.new("RGB", (64, 64), colour).save(folder / name)
    (folder / "words.png").write_bytes(b"these are words")
    Image.effect_noise((300, 300), 90).save(folder / "half.png")
    (folder / "half.png").write_bytes((folder / "half.png").read_bytes()[:9000])
    return [folder / name for name in ("words.png", "red.png", "half.png", "blue.jpg")]


def make(values: Mapping[str, Any]) -> GenerationRequest:
    from webui.source import read_source

    image = read_source(values["source"])
    if values["task"] == "inpaint":
        return InpaintRequest(prompt="x", image=image, mask_image=brushed_mask(values["mask"], image.size))
    return ask(image=image, prompt=values.get("prompt", "x"))


def test_every_file_gets_its_turn_and_a_bad_one_keeps_back_no_other(tmp_path: Path) -> None:
    plan = files_asked({**FORM, "files": [str(path) for path in files(tmp_path)]}, make, "enhance")
    assert plan is not None and plan.count == 3, "what is no picture at all was seen at once"
    assert plan.left_out() == (
        "Left out: words.png; image is not a picture Reverie can read; use PNG, JPEG, WebP or another of those."
    )
    made: list[tuple[SavedPicture, ...]] = []
    colours = []
    while (request := plan.next_request(tuple(made))) is not None:
        assert isinstance(request, ImageToImageRequest)
        assert plan.next_request(tuple(made)) is request, "asked again, since there was no room, it is the same"
        colours.append(max(range(3), key=request.image.getpixel((9, 9)).__getitem__))
        made.append((kept(request, "red"),) if made else ())  # one that failed keeps back no other
    assert colours == [0, 2] and plan.count == 2
    assert plan.finish("", made) == (
        "Left out: words.png, half.png; image is not a picture Reverie can read; "
        "use PNG, JPEG, WebP or another of those."
    )
    assert plan.origin(()) == Origin(style="enhance")


def test_a_form_that_is_wrong_is_refused_once_and_not_for_each_file(tmp_path: Path) -> None:
    plan = files_asked({**FORM, "files": files(tmp_path)[1:2] * 2, "prompt": " "}, make, None)
    assert plan is not None
    assert "prompt is empty" in refusal(lambda: plan.next_request(()))


def test_what_cannot_be_a_batch_is_refused(tmp_path: Path) -> None:
    good = files(tmp_path)[1]
    assert files_asked(FORM, make, None) is None
    assert files_asked({**FORM, "task": "text_to_image", "files": [good]}, make, None) is None
    assert "at most 100" in refusal(lambda: files_asked({**FORM, "files": [good] * (MOST_FILES + 1)}, make, None))
    assert "not a picture" in refusal(lambda: files_asked({**FORM, "files": files(tmp_path)[:1]}, make, None))
    assert "set Loops to 1" in refusal(lambda: files_asked({**FORM, "loops": 2, "files": [good]}, make, None))


def test_where_nothing_is_brushed_each_files_transparency_is_its_mask(tmp_path: Path) -> None:
    image = Image.new("RGBA", (64, 64), "red")
    image.paste((0, 0, 0, 0), (0, 0, 20, 64))
    image.save(tmp_path / "hole.png")
    Image.new("RGB", (64, 64)).save(tmp_path / "whole.png")
    form = {**FORM, "task": "inpaint"}
    plan = FilesPlan([tmp_path / "whole.png", tmp_path / "hole.png"], make, form)
    request = plan.next_request(())
    assert isinstance(request, InpaintRequest) and request.mask_image.getbbox() == (0, 0, 20, 64)
    assert "nothing in image is transparent" in str(plan.left_out())
    brushed = as_painted(Image.new("L", (32, 32), 255))
    request = FilesPlan([tmp_path / "whole.png"], make, {**form, "mask": brushed}).next_request(())
    assert isinstance(request, InpaintRequest) and request.mask_image.getextrema() == (255, 255)


# ---- masks and growing


def test_a_transparent_mask_is_laid_on_the_easel_as_painted(tmp_path: Path) -> None:
    image = Image.new("RGBA", (200, 100), "red")
    image.paste((0, 0, 0, 0), (50, 0, 100, 100))
    image.paste((0, 0, 0, 200), (100, 0, 120, 100))
    image.save(tmp_path / "hole.png")
    mask = brushed_mask(transparent_mask(str(tmp_path / "hole.png")), (200, 100))
    assert mask.getbbox() == (50, 0, 100, 100), "what is only a little transparent is kept"
    Image.new("RGBA", (64, 64), (1, 2, 3, 200)).save(tmp_path / "thin.png")
    assert "more than half transparent" in refusal(lambda: transparent_mask(str(tmp_path / "thin.png")))


def test_a_picture_grows_by_what_the_numbers_say_and_the_mask_covers_the_new_room() -> None:
    canvas = grown(START, {"left": 32, "right": None, "top": 8.0, "bottom": 0}, 4)
    assert canvas.image.size == (96, 72) and canvas.seam == SEAM and canvas.corner == (32, 8)
    mask = brushed_mask(as_painted(canvas.mask_image), canvas.image.size)
    new = np.ones((72, 96), dtype=bool)
    new[8:, 32:] = False
    assert (np.asarray(mask)[new] == 255).all()
    assert (np.asarray(mask)[8 + SEAM + 1 :, 32 + SEAM + 1 :] == 0).all()
    assert grown(START, dict.fromkeys(SIDES, 8), 64).seam == 16, "a quarter of a small picture at most"


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({}, "all 0"),
        ({"left": 13}, "Left is 13; pixels to grow by must be a multiple of 8 from 0 to 512"),
        ({"left": 13, "top": -8}, "Left is 13, top is -8; pixels to grow by"),
        ({"top": 520}, "Top is 520"),
        ({"bottom": -8}, "Bottom is -8"),
        ({"right": 8.5}, "Right is 8.5"),
        ({"right": "wide"}, "Right is 'wide'"),
    ],
)
def test_numbers_that_no_picture_can_grow_by_are_refused(numbers: dict[str, Any], words: str) -> None:
    assert words in refusal(lambda: grown(START, numbers, 4))


def test_a_grown_picture_keeps_its_pixels_where_the_model_can_paint_it_so_large() -> None:
    model: Any = SimpleNamespace(native_size=128)
    assert size_choice((192, 128), model) == "192x128" and size_choice((256, 256), model) == "256x256"
    assert size_choice((264, 256), model) == size_choice((165, 90), model) == "picture"


# ---- a folder on the command line


def test_a_folder_is_gone_through_and_a_bad_file_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    files(tmp_path / "in")
    said = ["generate", "a red circle", "--steps", "2", "--strength", "0.9", "--image", str(tmp_path / "in")]
    assert commands.run([*said, "--out", str(tmp_path / "out")]) == 1, "not every file could be used"
    told = capsys.readouterr()
    paths = [Path(line) for line in told.out.splitlines()]
    assert len(paths) == 2 and all(path.parent == tmp_path / "out" for path in paths)
    assert "words.png was left out" in told.err and "half.png was left out" in told.err
    Image.new("L", (64, 64), 255).save(tmp_path / "mask.png")
    for name in ("words.png", "half.png"):
        (tmp_path / "in" / name).unlink()
    assert commands.run([*said, "--out", str(tmp_path / "out"), "--mask", str(tmp_path / "mask.png")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    (tmp_path / "none").mkdir()
    with pytest.raises(CannotStart, match=r"^--image folder .* has no pictures"):
        commands.run([*said[:-1], str(tmp_path / "none")])
    with pytest.raises(CannotStart, match=r"^--mask .* is not there"):
        commands.run([*said, "--mask", str(tmp_path / "gone.png")])
    with pytest.raises(CannotStart, match=r"^None of the 2 pictures could be used; .*--strength is 0"):
        commands.run([*said[:4], "--strength", "0", "--image", str(tmp_path / "in")])
