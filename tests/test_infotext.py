"""Recipes as A1111's text and inside PNG files: what is written reads back equal, and nothing read can do harm."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pipelines.events import ImageFinished
from pipelines.request import GenerationRequest, ImageToImageRequest, InpaintRequest, TextToImageRequest
from pipelines.sampler_table import SAMPLERS
from pipelines.samplers import find_sampler, schedule_choices
from webui.library.embed import encode_png, read_parameters, read_recipe
from webui.library.infotext import LONGEST_TEXT, read_infotext, write_infotext
from webui.library.recipe import Recipe, RecipeError, digest, read_json, write_recipe

PICTURE = Image.new("RGB", (128, 96), "teal")
MASK = Image.new("L", (128, 96), 255)


@dataclass(frozen=True)
class AModel:
    id: str = "starter"
    name: str = "Reverie starter"
    hash: str | None = "0123456789abcdef" * 4


def recipe_of(request: GenerationRequest, *, seed: int = 7, model: AModel | None = None) -> Recipe:
    event = ImageFinished(0, Image.new("RGB", (request.width or 128, request.height or 128)), seed)
    return write_recipe(request, event, model=model)


# ---- writing


def test_the_layout_is_a1111s():
    request = TextToImageRequest(
        prompt="a red circle,\non a blue background",
        negative_prompt="text, blur",
        scheduler="k_dpmpp_2m_ka",
        guidance_scale=7,
        seed=7,
    )
    lines = write_infotext(recipe_of(request, model=AModel())).split("\n")

    assert lines[:3] == ["a red circle,", "on a blue background", "Negative prompt: text, blur"]
    last, _, version = lines[3].partition(", Version: ")
    assert last == (
        "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 7, Size: 128x128, "
        "Model hash: 0123456789, Model: Reverie starter"
    )
    assert version.startswith("Reverie ")
    assert len(lines) == 4


def test_an_inpainting_recipe_has_a1111s_keys_in_its_order():
    request = InpaintRequest(prompt="x", image=PICTURE, mask_image=MASK, strength=0.75, guidance_scale=7.5)
    text = write_infotext(recipe_of(request, model=AModel(name='b, "c": d', hash=None)))

    keys = list(dict(pair.split(": ", 1) for pair in text.split("\n")[-1].split(", ") if ": " in pair))
    assert keys[:5] == ["Steps", "Sampler", "CFG scale", "Seed", "Size"]
    assert text.split("\n")[-1].startswith(
        "Steps: 20, Sampler: Euler, CFG scale: 7.5, Seed: 7, Size: 128x128, "
        'Model: "b, \\"c\\": d", Denoising strength: 0.75, Mask blur: 4, Version: Reverie '
    )


def test_the_seed_and_size_are_the_pictures_own():
    request = TextToImageRequest(prompt="x", seed=-1, num_images_per_prompt=4)
    event = ImageFinished(3, Image.new("RGB", (136, 120)), 1234)
    recipe = write_recipe(request, event)

    read = read_infotext(write_infotext(recipe))
    assert (read["seed"], read["width"], read["height"]) == (1234, 136, 120)
    assert recipe.request["seed"] == -1, "the request is kept as it was"
    again = TextToImageRequest(**recipe.repeating_fields())
    assert (again.seed, again.num_images_per_prompt, again.width, again.height) == (1234, 1, 136, 120)


# ---- the round trip

NASTY = [
    "Steps: 5, Sampler: Euler, Seed: 1",
    "a cat\nSteps: 5, Sampler: Euler, Seed: 1, CFG scale: 3",
    "a cat\nNegative prompt: a dog",
    "Negative prompt: a dog",
    "\n\n a cat \n\n",
    ' "quoted", \\back\\ (a:1.2) [b|c] {d} <lora:e:1>',
    "\u202eright to left\u202c שלום עולם مرحبا بالعالم",
    "日本語、全角：コロン",
    "tab\tcarriage\rreturn\x0bvertical\x0cfeed\x1cfs\x85next\u2028line\u2029paragraph",
    "nul\x00byte \x1b[31m",
    "👩‍👩‍👧‍👦 e\u0301 \ufeff",
    "<script>alert(1)</script>",
    "Exact prompt: no",
    'a\nNegative prompt: b\nc, Exact prompt: "d"',
]
words = st.one_of(
    st.text(max_size=200),
    st.sampled_from(NASTY),
    st.lists(st.sampled_from([*NASTY, "\n", ": ", ", ", '"', "\\", "Seed: 1"]), max_size=4).map("".join),
)
prompts = words.filter(lambda text: bool(text.strip()))
schedulers = st.sampled_from([whole for sampler in SAMPLERS for _, whole in schedule_choices(sampler.name)])
sizes = st.integers(8, 32).map(lambda eighths: eighths * 8)


@st.composite
def requests(draw: st.DrawFn) -> GenerationRequest:
    fields = {
        "prompt": draw(prompts),
        "negative_prompt": draw(words),
        "num_inference_steps": draw(st.integers(2, 50)),
        "guidance_scale": draw(st.floats(1.0, 30.0)),
        "scheduler": draw(schedulers),
        "seed": draw(st.integers(-1, 2**32 - 1)),
    }
    kind = draw(st.sampled_from([TextToImageRequest, ImageToImageRequest, InpaintRequest]))
    if kind is not TextToImageRequest:
        fields |= {"image": PICTURE, "strength": draw(st.floats(0.5, 1.0))}
    if kind is InpaintRequest:
        fields |= {"mask_image": MASK, "mask_blur": draw(st.integers(0, 64))}
    return kind(**fields)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(request=requests(), seed=st.integers(0, 2**32 - 1), name=prompts, width=sizes, height=sizes)
def test_every_field_reads_back_equal(request, seed, name, width, height):
    event = ImageFinished(0, Image.new("RGB", (width, height)), seed)
    recipe = write_recipe(request, event, model=AModel(name=name[:1000]))

    read = read_infotext(write_infotext(recipe))

    assert read["unknown"] == {}
    assert (read["width"], read["height"], read["seed"]) == (width, height, seed)
    assert find_sampler(read["scheduler"]) == find_sampler(request.scheduler)
    assert read["model_name"] == name[:1000]
    assert read["model_hash"] == "0123456789"
    for field in ("prompt", "negative_prompt", "num_inference_steps", "guidance_scale", "strength", "mask_blur"):
        assert read.get(field) == getattr(request, field, None), field


@settings(max_examples=60, deadline=None)
@given(request=requests(), seed=st.integers(0, 2**32 - 1))
@example(request=TextToImageRequest(prompt="\x00" * 20_000, negative_prompt="\U0001f600" * 20_000), seed=1)
def test_a_png_carries_both_recipes(request, seed):
    from webui.library.embed import Stamp

    recipe = recipe_of(request, seed=seed, model=AModel())
    infotext = write_infotext(recipe)
    stamp = Stamp(id="0" * 32, owner="1" * 32, created="2026-01-31T12:00:00Z", recipe=recipe)
    png = encode_png(Image.new("RGB", (8, 8)), infotext=infotext, stamp=stamp)

    assert read_parameters(png) == infotext
    assert read_recipe(png) == recipe


def test_a_recipe_names_pictures_by_their_pixels():
    recipe = recipe_of(InpaintRequest(prompt="x", image=PICTURE, mask_image=MASK))

    assert recipe.request["image"] == digest(PICTURE)
    assert recipe.request["mask_image"] == digest(MASK)
    assert digest(PICTURE) == digest(PICTURE.copy())
    assert len({digest(PICTURE), digest(MASK), digest(PICTURE.resize((96, 128)))}) == 3
    assert "image" not in recipe.repeating_fields()
    assert json.loads(recipe.model_dump_json())["versions"]["diffusers"]


# ---- reading others

FOREIGN = """\
photo of a (cat:1.3), <lora:add_detail:0.8>
second line
Negative prompt: (worst quality, low quality:1.4),
text
Steps: 28, Sampler: DPM++ 2M SDE, Schedule type: Karras, CFG scale: 6.5, Seed: 3057413427, Size: 512x768, \
Model hash: 9aba26abdf, Model: deliberate_v2, Denoising strength: 0.45, Clip skip: 2, ENSD: 31337, \
Hires upscale: 2, Hires upscaler: 4x-UltraSharp, Lora hashes: "add_detail: 7c6bad76eb54, b: 0123", \
TI hashes: "easynegative: c74b4e810b03", Version: v1.10.1"""


def test_a1111s_own_text_is_read():
    assert read_infotext(FOREIGN) == {
        "prompt": "photo of a (cat:1.3), <lora:add_detail:0.8>\nsecond line",
        "negative_prompt": "(worst quality, low quality:1.4),\ntext",
        "num_inference_steps": 28,
        "scheduler": "DPM++ 2M SDE Karras",
        "guidance_scale": 6.5,
        "seed": 3057413427,
        "width": 512,
        "height": 768,
        "hires_scale": 2.0,
        "hires_strength": 0.45,
        "hires_upscaler": "4x-UltraSharp",
        "clip_skip": 2,
        "eta_noise_seed_delta": 31337,
        "model_name": "deliberate_v2",
        "model_hash": "9aba26abdf",
        "version": "v1.10.1",
        "unknown": {
            "Lora hashes": "add_detail: 7c6bad76eb54, b: 0123",
            "TI hashes": "easynegative: c74b4e810b03",
        },
    }


@pytest.mark.parametrize(
    ("sampler", "scheduler", "left"),
    [
        ("Sampler: DPM++ 2M Karras", "DPM++ 2M Karras", {}),
        ("Sampler: DPM++ 2M, Schedule type: Automatic", "DPM++ 2M Karras", {}),
        ("Sampler: Euler, Schedule type: Automatic", "Euler", {}),
        ("Sampler: Euler a, Schedule type: Karras", "Euler a Karras", {}),
        ("Sampler: Restart, Schedule type: Karras", "Restart Karras", {}),
        ("Sampler: DDIM, Schedule type: Karras", "DDIM", {"Schedule type": "Karras"}),
        ("Sampler: Heun++ 2, Schedule type: Karras", None, {"Sampler": "Heun++ 2", "Schedule type": "Karras"}),
    ],
)
def test_samplers_are_taken_as_far_as_they_exist(sampler, scheduler, left):
    read = read_infotext(f"a cat\nSteps: 20, {sampler}, Seed: 1, Size: 64x64")

    assert read.get("scheduler") == scheduler
    assert read["unknown"] == left


@pytest.mark.parametrize("text", ["", " \n ", "just a prompt", "a: b, c: d", "Steps: 20, Seed: 1", "a\nb: c,, , d"])
def test_text_without_parameters_is_a_prompt(text):
    read = read_infotext(text)

    assert read == {"prompt": text.strip(), "negative_prompt": "", "unknown": {}}


def test_values_that_are_no_numbers_are_left_as_text():
    line = "Steps: 1e3, CFG scale: nan, Seed: 99999999999999999999999, Size: 0x1x2, Denoising strength: inf"
    read = read_infotext(f"a cat\n{line}")

    assert set(read) == {"prompt", "negative_prompt", "unknown"}
    assert ", ".join(f"{key}: {value}" for key, value in read["unknown"].items()) == line


# ---- harm

HOSTILE = {
    "one long word": "a" * LONGEST_TEXT,
    "words": "a " * (LONGEST_TEXT // 2),
    "colons": "a:" * (LONGEST_TEXT // 2),
    "keys": "ab: c, " * (LONGEST_TEXT // 7),
    "open quotes": 'ab: "' * (LONGEST_TEXT // 5),
    "escaped quotes": 'ab: "\\"' * (LONGEST_TEXT // 7),
    "commas": "," * LONGEST_TEXT,
    "spaces": "a: b, c: d, e: f" + " " * (LONGEST_TEXT - 20) + "x",
    "backslashes": 'ab: "' + "\\" * (LONGEST_TEXT - 10),
    "lines": "\n" * (LONGEST_TEXT - 10) + "x",
    "negatives": "Negative prompt:\n" * (LONGEST_TEXT // 17),
    "digits": "Steps: " + "9" * (LONGEST_TEXT - 40) + ", Seed: 1, Size: 1x1",
    "long keys": ("a" * 64 + ".:") * (LONGEST_TEXT // 66),
    "dashes": "a" + "-/ " * (LONGEST_TEXT // 3 - 1),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_is_read_in_linear_time(text):
    def seconds(length: int) -> float:
        best = float("inf")
        for _ in range(2):
            began = time.process_time()
            read_infotext(text[:length])
            best = min(best, time.process_time() - began)
        return best

    small, large = seconds(len(text) // 8), seconds(len(text))
    assert large < 2.0
    assert large < 40 * small + 0.05, "8 times the text, far from 64 times the time"


def test_text_that_is_too_long_is_refused():
    with pytest.raises(RecipeError, match=f"at most {LONGEST_TEXT} can be read"):
        read_infotext("a" * (LONGEST_TEXT + 1))


@settings(max_examples=200, deadline=None)
@given(st.text() | st.text(alphabet='ab:," \\\n-1').map(lambda tail: f"x\nSteps: 1, Seed: 2, {tail}"))
def test_any_text_is_read(text):
    read = read_infotext(text)

    assert isinstance(read["prompt"], str)
    assert all(isinstance(value, str) for value in read["unknown"].values())


GOOD = json.loads(recipe_of(TextToImageRequest(prompt="x")).model_dump_json())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{",
        "[" * 100_000,
        "1" * 100_000,
        json.dumps(GOOD | {"seed": -1}),
        json.dumps(GOOD | {"width": 0}),
        json.dumps(GOOD | {"task": "__import__('os')"}),
        json.dumps(GOOD | {"format": 99}),
        json.dumps(GOOD | {"request": "prompt"}),
        " " * (1 << 21),
    ],
)
def test_a_damaged_recipe_is_one_sentence(text):
    with pytest.raises(RecipeError) as caught:
        read_json(Recipe, text)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
    assert len(str(caught.value)) < 300

    chunks = PngInfo()
    chunks.add_text("reverie", text[: 1 << 19])
    picture = Image.new("RGB", (8, 8))
    picture.info["reverie"] = text
    with pytest.raises(RecipeError):
        read_recipe(picture)


def test_pictures_without_a_recipe_have_none(tmp_path):
    for kind in ("PNG", "JPEG", "WEBP"):
        PICTURE.save(tmp_path / f"plain.{kind}", kind)
        assert read_recipe(tmp_path / f"plain.{kind}") is None
        assert read_parameters(str(tmp_path / f"plain.{kind}")) is None


def test_files_that_are_no_pictures_are_one_sentence(tmp_path):
    good = encode_png(PICTURE, infotext="x")
    for content in (b"", b"no picture", good[:20], b"\x89PNG\r\n\x1a\n" + b"\xff" * 40):
        with pytest.raises(RecipeError, match="no picture"):
            read_recipe(content)
    with pytest.raises(RecipeError):
        read_recipe(tmp_path / "missing.png")
    with pytest.raises(RecipeError):
        read_recipe(tmp_path)


def test_reading_a_recipe_does_not_decode_the_picture():
    png = encode_png(Image.new("RGB", (64, 64)), infotext="a cat")
    start = png.index(b"IDAT")
    broken = png[: start + 8] + b"\0" * 8 + png[start + 16 :]

    assert read_parameters(broken) == "a cat"
