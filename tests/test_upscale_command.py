"""``launch.py upscale``: a picture made larger from a shell, with a recipe of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from pipelines.request import ImageToImageRequest, limits
from pipelines.upscaling.names import LANCZOS
from tests.studio import popen_launch
from webui.library.embed import read_recipe
from webui.refusal import CannotStart
from webui.upscale_flags import LARGEST, SMALLEST, as_generate


def test_a_picture_is_enlarged_and_its_file_named(tmp_path: Path) -> None:
    picture = Image.effect_noise((50, 40), 90).convert("RGB")
    picture.save(tmp_path / "small.png")
    asked = ("upscale", "small.png", "--by", "2.5", "--upscaler", "Nearest", "--out", "larger")
    process = popen_launch(tmp_path, *asked)
    said, _ = process.communicate(timeout=200)
    assert process.returncode == 0, said
    made = Path(next(line for line in said.splitlines() if line.endswith(".png")))
    with Image.open(tmp_path / made) as larger:
        assert larger.tobytes() == picture.resize((125, 100), Image.Resampling.NEAREST).tobytes()
    recipe = read_recipe((tmp_path / made).read_bytes())
    assert recipe is not None
    assert (recipe.request["tile_scale"], recipe.request["strength"]) == (2.5, 0)


def test_its_flags_become_those_of_generate() -> None:
    told = as_generate(["a.png", "--upscaler", "x4", "--out", "there"])
    words = "--image a.png --strength 0 --tile-scale 2 --tile-upscaler x4 --out there"
    assert told[1:] == words.split()
    with pytest.raises(CannotStart, match="--by"):
        as_generate(["a.png", "--by", "twice"])
    with pytest.raises(CannotStart, match="FILE"):
        as_generate([])


def test_its_bounds_and_its_upscaler_are_the_requests() -> None:
    bounds = limits(ImageToImageRequest, "tile_scale")
    assert bounds["minimum"] < SMALLEST < LARGEST == bounds["maximum"]
    assert as_generate(["a.png"])[-1] == LANCZOS == ImageToImageRequest.model_fields["tile_upscaler"].default
