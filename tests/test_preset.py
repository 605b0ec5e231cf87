"""Presets are data: ours load, broken ones are named and skipped."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pipelines.errors import PresetError
from pipelines.preset import PRESETS, Style, apply_style, load_presets, load_styles, sizes_for, take_style_off

DREAM_STUDIO = [
    ("enhance", "Enhance"),
    ("anime", "Anime"),
    ("photographic", "Photographic"),
    ("digital-art", "Digital art"),
    ("comic-book", "Comic book"),
    ("fantasy-art", "Fantasy art"),
    ("analog-film", "Analog film"),
    ("neon-punk", "Neon punk"),
    ("isometric", "Isometric"),
    ("low-poly", "Low poly"),
    ("origami", "Origami"),
    ("line-art", "Line art"),
    ("modeling-compound", "Craft clay"),
    ("cinematic", "Cinematic"),
    ("3d-model", "3D model"),
    ("pixel-art", "Pixel art"),
    ("tile-texture", "Tile texture"),
]


def test_the_seventeen_styles_load_in_dream_studios_order():
    styles, problems = load_styles()

    assert problems == ()
    assert [(style.id, style.label) for style in styles] == DREAM_STUDIO
    assert len({style.prompt for style in styles}) == 17
    assert all(style.negative_prompt for style in styles)


def test_a_style_is_laid_over_the_prompt():
    style = Style(id="x", label="X", prompt="oil painting of {prompt}, thick", negative_prompt="thin")

    assert apply_style(style, "a {prompt} cat", "dogs") == (
        "oil painting of a {prompt} cat, thick",
        "dogs, thin",
    )
    assert apply_style(style, "a cat") == ("oil painting of a cat, thick", "thin")
    assert apply_style(None, "a cat", "dogs") == ("a cat", "dogs")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "line 1 is not JSON"),
        (b"", "line 1 is not JSON"),
        (b"[1]", "it is no JSON object"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b" " * 300_000, "has more than 262144 bytes"),
        (b'{"id": "b", "label": "B"}', "prompt: Field required"),
        (b'{"id": "b", "label": "B", "prompt": "no place"}', "{prompt} in it exactly once"),
        (b'{"id": "b", "label": "B", "prompt": "{prompt} {prompt}"}', "{prompt} in it exactly once"),
        (b'{"id": "../b", "label": "B", "prompt": "{prompt}"}', "id: "),
        (b'{"id": "b", "label": "B", "prompt": "{prompt}", "colour": 1}', "colour: "),
        (b'{"id": "b", "label": 7, "prompt": "{prompt}"}', "label: "),
        (b'{"id": "good", "label": "B", "prompt": "{prompt}"}', "'good' is taken"),
    ],
)
def test_a_broken_style_is_named_and_the_others_load(tmp_path, content, reason):
    (tmp_path / "a-good.json").write_text(json.dumps({"id": "good", "label": "Good", "prompt": "{prompt}!"}))
    (tmp_path / "broken.json").write_bytes(content)

    styles, problems = load_styles(tmp_path)

    assert [style.id for style in styles] == ["good"]
    (problem,) = problems
    assert isinstance(problem, PresetError)
    assert "broken.json cannot be used" in str(problem)
    assert reason in str(problem)
    assert "\n" not in str(problem)
    assert str(tmp_path) not in str(problem)


def test_styles_of_ones_own_come_after_the_numbered_ones(tmp_path):
    for name, order in (("zebra", 1), ("ant", None), ("bee", None)):
        values = {"id": name, "label": name.title(), "prompt": "{prompt}"} | ({"order": order} if order else {})
        (tmp_path / f"{name}.json").write_text(json.dumps(values))

    assert [style.id for style in load_styles(tmp_path)[0]] == ["zebra", "ant", "bee"]


def test_any_folder_of_presets_loads_as_dicts():
    families, problems = load_presets(PRESETS / "families")

    assert problems == ()
    assert families["starter.json"]["native_size"] == 128


WIDE = ["2:1", "1.85:1", "16:9", "7:4", "3:2", "4:3", "5:4"]
RATIOS = [*WIDE, "1:1", "4:5", "3:4", "2:3", "4:7", "9:16", "1:1.85", "1:2"]


@pytest.mark.parametrize("native", [64, 128, 512, 768, 1024, 2048])
def test_every_model_has_dream_studios_ratios_within_its_limits(native):
    sizes = sizes_for(native)

    assert [ratio for ratio, _, _ in sizes] == RATIOS
    assert {ratio: (width, height) for ratio, width, height in sizes}["1:1"] == (native, native)
    for _, width, height in sizes:
        assert width % 8 == 0
        assert height % 8 == 0
        assert min(width, height) >= 64
        assert max(width, height) <= 2048


@pytest.mark.parametrize("native", [128, 512, 768, 1024])
def test_sizes_keep_the_native_area_and_the_ratio(native):
    for ratio, width, height in sizes_for(native):
        across, down = map(float, ratio.split(":"))
        assert abs(width * height / native**2 - 1) < 0.06
        assert abs(width / height / (across / down) - 1) < 0.04


@pytest.mark.parametrize("ratios", ["[]", '["16/9"]', '["1:0"]', '["nan:1"]', '["1e400:1"]', '["100:1"]', "[3]"])
def test_broken_ratios_are_one_sentence(tmp_path, ratios):
    (tmp_path / "sizes.json").write_text(f'{{"ratios": {ratios}}}')

    with pytest.raises(PresetError, match=r"sizes\.json cannot be used .*; correct it or remove it\.$"):
        sizes_for(128, tmp_path / "sizes.json")


def test_presets_need_no_torch():
    code = "import sys, pipelines.preset; print({'torch', 'diffusers', 'gradio'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("style", load_styles()[0], ids=lambda style: style.id)
@pytest.mark.parametrize("avoided", ["", "blur", "blur, ", ", blur"])
def test_a_style_comes_off_as_it_was_put_on(style, avoided):
    words = "a red circle, {prompt} on blue"
    laid_over = apply_style(style, words, avoided)
    taken_off = take_style_off(style, *laid_over)
    assert taken_off is not None
    assert apply_style(style, *taken_off) == laid_over
    assert taken_off[0] == words
    assert take_style_off(style, "other words", "something else") is None
