"""Two independent programs read our pictures, every field equal: ``sd-parsers``, and ``sd-prompt-reader``'s parser.

The second comes as ``unstable-reader``, which is that parser without its window and the old Pillow that it pins.
"""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from sd_parsers import ParserManager
from sd_parsers.extractors import _jpeg_usercomment
from unstable_reader.image_data_reader import ImageDataReader

from pipelines.events import ImageFinished
from pipelines.request import GenerationRequest, ImageToImageRequest, TextToImageRequest
from tests.test_foreign import read_text
from tests.test_infotext import AModel, schedulers
from webui.library.embed import Stamp, encode_picture, read_parameters
from webui.library.formats import Saving
from webui.library.infotext import read_infotext, sampler_and_schedule, write_infotext
from webui.library.recipe import Recipe, write_recipe

PICTURE = Image.new("RGB", (64, 128), "teal")

# What people type. Both programs cut at the first "Negative prompt:" and "Steps:" wherever they stand, and strip.
words = st.text(
    alphabet=st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=120
).filter(lambda text: text == text.strip() and "Negative prompt:" not in text and not text.startswith("Steps:"))


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    fields = {
        "prompt": draw(words),
        "negative_prompt": draw(words | st.just("")),
        "num_inference_steps": draw(st.integers(2, 50)),
        "guidance_scale": draw(st.sampled_from([1.0, 2.0, 7.5, 6.25, 30.0])),
        "scheduler": draw(schedulers),
    }
    request: GenerationRequest = TextToImageRequest(**fields)
    if draw(st.booleans()):
        request = ImageToImageRequest(**fields, image=PICTURE, strength=draw(st.sampled_from([0.5, 0.65, 1.0])))
    model = AModel(name=draw(st.sampled_from(["starter", "sd-v1-5", "Reverie starter (small model)"])))
    return write_recipe(request, ImageFinished(0, PICTURE, draw(st.integers(0, 2**32 - 1))), model=model)


def files(recipe: Recipe) -> dict[str, io.BytesIO]:
    """The picture in every format that both programs open."""
    stamp = Stamp(id="0" * 32, owner="", created="2026-01-01T00:00:00Z", recipe=recipe)
    infotext = write_infotext(recipe)
    return {
        kind: io.BytesIO(encode_picture(PICTURE, Saving(format=kind), infotext=infotext, stamp=stamp))
        for kind in ("png", "jpeg", "webp")
    }


def parsed_by_sd_parsers(file):
    """It keeps the text of the last JPEG under the picture's ``id()``, which Python soon gives to another picture."""
    _jpeg_usercomment._image_id = None
    return ParserManager().parse(file)


def plain(number: object) -> str:
    return re.sub(r"\.0$", "", str(number))


EXAMPLES = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@EXAMPLES
@given(recipe=recipes())
def test_sd_parsers_reads_every_field(recipe):
    request = recipe.request
    sampler, schedule = sampler_and_schedule(request["scheduler"])
    for kind, file in files(recipe).items():
        if kind == "webp":  # it looks for A1111's text in PNG and JPEG only
            continue
        info = parsed_by_sd_parsers(file)
        assert info.full_prompt == request["prompt"]
        assert info.full_negative_prompt == request["negative_prompt"]
        (read,) = info.samplers
        told = {"steps": request["num_inference_steps"], "cfg_scale": request["guidance_scale"], "seed": recipe.seed}
        expected = {name: plain(value) for name, value in told.items()}
        assert read.name == sampler
        assert read.parameters == expected | ({"scheduler": schedule} if schedule else {})
        assert (read.model.name, read.model.hash) == (recipe.model.name, recipe.model.hash[:10])
        rest = {"Size": "64x128", "Version": f"Reverie {recipe.versions['reverie']}"}
        if "strength" in request:
            rest["Denoising strength"] = plain(request["strength"])
        assert info.metadata == rest


def test_a_brace_at_the_beginning_is_in_the_files_though_that_parser_gives_up_at_it():
    """In JPEG and WebP it takes a text for Easy Diffusion's by its first character alone; there we exclude it below."""
    request = TextToImageRequest(prompt="{red|blue} boat", num_inference_steps=2)
    recipe = write_recipe(request, ImageFinished(0, PICTURE, 7), model=AModel(name="starter"))
    for kind, file in files(recipe).items():
        assert read_infotext(read_parameters(file.getvalue()))["prompt"] == "{red|blue} boat"
        assert (ImageDataReader(file).tool == "A1111 webUI") == (kind == "png")


@EXAMPLES
@given(recipe=recipes())
def test_sd_prompt_readers_parser_reads_every_field(recipe):
    request = recipe.request
    swapped = write_infotext(recipe).encode("utf-16-be").decode("utf-16-le", errors="replace")
    for kind, file in files(recipe).items():
        if kind != "png" and "\ufffd" in swapped:  # it tries the other byte order first, and gives up where that fails
            continue
        if kind != "png" and request["prompt"].startswith("{"):  # there it takes any brace for Easy Diffusion's JSON
            continue
        read = ImageDataReader(file)
        assert read.tool == "A1111 webUI", kind
        assert read.positive == request["prompt"]
        assert read.negative == request["negative_prompt"]
        assert read.parameter == {
            "model": recipe.model.name,
            "sampler": sampler_and_schedule(request["scheduler"])[0],
            "seed": str(recipe.seed),
            "cfg": plain(request["guidance_scale"]),
            "steps": str(request["num_inference_steps"]),
            "size": "64x128",
        }
        assert (read.width, read.height) == ("64", "128")
        file.seek(0)
        assert read.setting == read_parameters(file.getvalue()).rsplit("\n", 1)[1]


# In the layouts that these programs' own pages and tests show, with other words in them.
THEIRS = (
    (
        "photo of a fox\nNegative prompt: monochrome\n"
        "Steps: 15, Sampler: UniPC, CFG scale: 5, Seed: 235284042, Size: 512x400, Model hash: c0d1994c73, "
        "Model: realistic_v20, Version: v1.2.1"
    ),
    (
        "(fox:1.2), forest\nNegative prompt: blurry, (text)\n"
        "Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 1, Size: 512x768, Model: anything, Clip skip: 2, "
        'Hashes: {"model": "c0d1994c73"}'
    ),
    (
        "fox\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 806698555, Size: 1024x1024, Model hash: 31e35c80fc, "
        "Model: sd_xl_base_1.0, Version: v1.5.1"
    ),
)


@pytest.mark.parametrize("text", THEIRS)
def test_their_example_texts_mean_the_same_to_us(text):
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    texts.add_text("parameters", text)
    file = io.BytesIO()
    PICTURE.save(file, "PNG", pnginfo=texts)
    theirs, other = parsed_by_sd_parsers(file), ImageDataReader(file)
    ours, told = read_text(text), read_infotext(text)

    assert ours.fields["prompt"] == theirs.full_prompt == other.positive
    assert ours.fields["negative_prompt"] == theirs.full_negative_prompt == other.negative
    sampler = theirs.samplers[0]
    assert str(ours.fields["num_inference_steps"]) == sampler.parameters["steps"] == other.parameter["steps"]
    assert str(ours.fields["guidance_scale"]) == sampler.parameters["cfg_scale"] == other.parameter["cfg"]
    assert str(ours.fields["seed"]) == sampler.parameters["seed"] == other.parameter["seed"]
    assert ours.fields["scheduler"] == sampler.name == other.parameter["sampler"]
    assert f"{ours.fields['width']}x{ours.fields['height']}" == theirs.metadata["Size"] == other.parameter["size"]
    assert told["model_name"] == sampler.model.name == other.parameter["model"]
    assert told.get("model_hash") == sampler.model.hash
