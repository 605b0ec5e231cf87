"""Recipes in other programs' pictures are read as far as they can be had, and nothing in a file can do harm."""

from __future__ import annotations

import functools
import io
import json
import pickle
import random
import struct
import subprocess
import sys
import zlib
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pipelines.events import ImageFinished
from pipelines.request import ImageToImageRequest, InpaintRequest, TextToImageRequest
from tests.studio import ROOT
from webui.library.embed import Stamp, encode_picture
from webui.library.foreign import ForeignRecipe, read_foreign, read_text
from webui.library.formats import Saving
from webui.library.infotext import write_infotext
from webui.library.recipe import RecipeError, RecipeModel, write_recipe

PICTURE = Image.new("RGB", (64, 64), "teal")


@dataclass(frozen=True)
class Model:
    id: str
    name: str
    hash: str | None = None


MODELS = (
    Model("starter", "Reverie starter", "ab" * 32),
    Model("sd/deliberate_v2", "sd/deliberate_v2", "9aba26abdf" + "0" * 54),
)


def png(**texts: str) -> bytes:
    chunks = PngInfo()
    for name, text in texts.items():
        chunks.add_text(name.replace("__", ":").replace("_dash_", "-"), text)
    file = io.BytesIO()
    PICTURE.save(file, "PNG", pnginfo=chunks)
    return file.getvalue()


def exif_file(kind: str, comment: bytes, **more: Any) -> bytes:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = comment
    for tag, value in more.items():
        exif[int(tag[1:], 16)] = value
    file = io.BytesIO()
    PICTURE.save(file, kind, exif=exif.tobytes())
    return file.getvalue()


def left_out(read: ForeignRecipe) -> dict[str, str]:
    return {row.what: row.why for row in read.not_possible}


A1111 = """\
photo of a (cat:1.3), <lora:add_detail:0.8>
second line
Negative prompt: (worst quality:1.4),
text
Steps: 28, Sampler: DPM++ 2M SDE, Schedule type: Karras, CFG scale: 6.5, Seed: 3057413427, Size: 512x768, \
Model hash: 9aba26abdf, Model: deliberate_v2, Clip skip: 2, ENSD: 31337, \
Lora hashes: "add_detail: 7c6bad76eb54", Version: v1.10.1"""
FIELDS = {
    "prompt": "photo of a (cat:1.3), <lora:add_detail:0.8>\nsecond line",
    "negative_prompt": "(worst quality:1.4),\ntext",
    "scheduler": "DPM++ 2M SDE Karras",
    "num_inference_steps": 28,
    "guidance_scale": 6.5,
    "seed": 3057413427,
    "width": 512,
    "height": 768,
    "model": "sd/deliberate_v2",
    "clip_skip": 2,
    "eta_noise_seed_delta": 31337,
    "noise_source": "nv",
}


def a1111_files() -> dict[str, bytes]:
    big = b"UNICODE\0" + A1111.encode("utf-16-be")
    return {
        "png": png(parameters=A1111),
        "jpeg": exif_file("JPEG", big),
        "webp": exif_file("WEBP", big),
        "avif": exif_file("AVIF", big),
        "little endian": exif_file("JPEG", b"UNICODE\0" + A1111.encode("utf-16-le")),
        "ascii": exif_file("JPEG", b"ASCII\0\0\0" + A1111.encode()),
        "bare": exif_file("JPEG", A1111.encode()),
    }


@pytest.mark.parametrize("name", a1111_files())
def test_a1111s_pictures_are_read_from_every_kind_of_file(name):
    read = read_foreign(a1111_files()[name], MODELS)
    assert (read.writer, read.task) == ("AUTOMATIC1111", "text_to_image")
    assert read.fields == FIELDS
    assert {row.field for row in read.taken} == FIELDS.keys() - {"noise_source"}
    assert [(row.field, row.value) for row in read.approximated] == [("noise_source", "nv")]
    assert left_out(read).keys() == {
        "lora add_detail",
        "Lora hashes: add_detail: 7c6bad76eb54",
    }
    assert A1111 in read.raw


@pytest.mark.parametrize(
    ("ending", "writer"),
    [
        ("Version: f2.0.1v1.10.1-previous-669-gdfdcbab6", "Forge"),
        ("Version: f0.0.17v1.8.0rc-latest-276-g29be1da7", "Forge"),
        ("App: SD.Next, Version: 0eb4a98, Parser: native", "SD.Next"),
        ("Version: v1.6.0", "AUTOMATIC1111"),
        ("Version: Reverie 0.1.0", "Reverie"),
        ("Version: Fooocus v2.5.5", "Fooocus"),
        ("Version: ComfyUI", "ComfyUI"),
    ],
)
def test_a1111s_kin_are_told_apart(ending, writer):
    read = read_foreign(png(parameters=f"a cat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, {ending}"))
    assert read.writer == writer
    assert read.fields["scheduler"] == "Euler a"
    assert read.not_possible == ()


def comfy_graph(**sampler: Any) -> dict[str, Any]:
    inputs = {
        "seed": 1234,
        "steps": 25,
        "cfg": 8.0,
        "sampler_name": "dpmpp_2m",
        "scheduler": "karras",
        "denoise": 1.0,
        "model": ["10", 0],
        "positive": ["6", 0],
        "negative": ["7", 0],
        "latent_image": ["5", 0],
    }
    return {
        "3": {"class_type": "KSampler", "inputs": inputs | sampler},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd\\deliberate_v2.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 640, "height": 512, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a castle", "clip": ["10", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "text, watermark", "clip": ["10", 1]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "ComfyUI", "images": ["8", 0]}},
        "10": {
            "class_type": "LoraLoader",
            "inputs": {"lora_name": "x.safetensors", "strength_model": 0.8, "model": ["4", 0], "clip": ["4", 1]},
        },
    }


@pytest.mark.parametrize("workflow", [{}, {"workflow": "{}"}, {"workflow": '{"links": [{"id": 1}]}'}])
def test_comfyuis_graph_is_read_with_and_without_its_workflow(workflow):
    read = read_foreign(png(prompt=json.dumps(comfy_graph()), **workflow), MODELS)
    assert (read.writer, read.task) == ("ComfyUI", "text_to_image")
    assert read.fields == {
        "prompt": "a castle",
        "negative_prompt": "text, watermark",
        "scheduler": "DPM++ 2M Karras",
        "num_inference_steps": 25,
        "guidance_scale": 8,
        "seed": 1234,
        "width": 640,
        "height": 512,
        "model": "sd/deliberate_v2",
    }
    assert any("lora" in what.lower() for what in left_out(read))


@pytest.mark.parametrize(
    ("sampler", "scheduler", "ours"),
    [
        ("euler", "normal", "Euler Normal"),
        ("euler_ancestral", "simple", "Euler a Simple"),
        ("dpm_2_ancestral", "normal", "DPM2 a Normal"),
        ("dpm_2", "karras", "DPM2 Karras"),
        ("dpmpp_2m_sde_gpu", "exponential", "DPM++ 2M SDE Exponential"),
        ("dpmpp_sde", "karras", "DPM++ SDE Karras"),
        ("uni_pc_bh2", "normal", "UniPC Normal"),
        ("heun", "normal", "Heun Normal"),
        ("lms", "karras", "LMS Karras"),
    ],
)
def test_comfyuis_samplers_have_ours(sampler, scheduler, ours):
    graph = comfy_graph(sampler_name=sampler, scheduler=scheduler)
    assert read_foreign(png(prompt=json.dumps(graph))).fields.get("scheduler", "").removesuffix(
        " DDIM"
    ) == ours.removesuffix(" DDIM")


def test_a_second_pass_is_said_and_the_first_one_taken():
    graph = comfy_graph()
    graph["20"] = {
        **graph["3"],
        "inputs": {**graph["3"]["inputs"], "denoise": 0.5, "steps": 9, "latent_image": ["8", 0]},
    }
    read = read_foreign(png(prompt=json.dumps(graph)))
    assert (read.task, read.fields["num_inference_steps"]) == ("text_to_image", 25)
    assert "further samplers: 1" in left_out(read)


def test_a_picture_made_from_a_picture_says_what_is_missing():
    read = read_foreign(png(prompt=json.dumps(comfy_graph(denoise=0.4))))
    assert read.task == "image_to_image"
    assert read.fields["strength"] == 0.4
    assert "give it again" in left_out(read)["image"]
    text = "a cat\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 5, Denoising strength: 0.6, Mask blur: 8"
    read = read_text(text)
    assert read.task == "inpaint"
    assert (read.fields["strength"], read.fields["mask_blur"]) == (0.6, 8)
    assert left_out(read).keys() == {"image", "mask_image"}
    read = read_text(text.replace("Mask blur: 8", "Hires upscale: 2"))
    assert read.task == "text_to_image"
    assert "strength" not in read.fields
    assert (read.fields["hires_scale"], read.fields["hires_strength"]) == (2.0, 0.6)
    assert not left_out(read)


INVOKEAI = {
    "generation_mode": "txt2img",
    "positive_prompt": "a cat",
    "negative_prompt": "blurry",
    "width": 512,
    "height": 768,
    "seed": 77,
    "cfg_scale": 6.5,
    "steps": 30,
    "scheduler": "dpmpp_2m_k",
    "clip_skip": 0,
    "model": {"name": "deliberate_v2", "hash": "blake3:00", "base": "sd-1"},
    "loras": [{"model": {"name": "x"}, "weight": 0.7}],
    "hrf_enabled": False,
    "app_version": "5.4.2",
}


def test_invokeais_three_layouts_are_read():
    read = read_foreign(png(invokeai_metadata=json.dumps(INVOKEAI)), MODELS)
    assert read.writer == "InvokeAI"
    assert read.fields == {
        "prompt": "a cat",
        "negative_prompt": "blurry",
        "scheduler": "DPM++ 2M Karras",
        "num_inference_steps": 30,
        "guidance_scale": 6.5,
        "seed": 77,
        "width": 512,
        "height": 768,
        "model": "sd/deliberate_v2",
    }
    assert [what.split(":")[0] for what in left_out(read)] == ["loras"]
    image = {"prompt": [{"prompt": "a dog [blurry]", "weight": 1}], "sampler": "k_lms", "seed": 5, "steps": 50}
    old = {"model_weights": "deliberate_v2", "image": image | {"cfg_scale": 5, "width": 512, "height": 512}}
    read = read_foreign(png(sd_dash_metadata=json.dumps(old)), MODELS)
    assert (read.fields["prompt"], read.fields["negative_prompt"], read.fields["scheduler"]) == (
        "a dog",
        "blurry",
        "LMS",
    )
    read = read_foreign(png(Dream='"a dog [blurry]" -s 50 -S 5 -W 512 -H 768 -C 7.5 -A k_euler_a'))
    assert read.fields["scheduler"] == "Euler a"
    assert (read.fields["width"], read.fields["height"], read.fields["seed"]) == (512, 768, 5)


FOOOCUS = {
    "adm_guidance": "(1.5, 0.8, 0.3)",
    "base_model": "deliberate_v2",
    "base_model_hash": "9aba26abdf",
    "full_negative_prompt": ["blurry", "text"],
    "full_prompt": ["cinematic still a cat", "sharp"],
    "guidance_scale": 4.0,
    "lora_combined_1": "x : 0.1",
    "negative_prompt": "",
    "performance": "Speed",
    "prompt": "a cat",
    "refiner_model": "None",
    "refiner_switch": 0.5,
    "resolution": "(1152, 896)",
    "sampler": "dpmpp_2m_sde_gpu",
    "scheduler": "karras",
    "seed": "12345",
    "sharpness": 2.0,
    "steps": 30,
    "styles": "['Fooocus V2']",
    "version": "Fooocus v2.5.5",
}


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_fooocus_own_scheme_is_read(kind):
    text = json.dumps(FOOOCUS)
    data = (
        png(parameters=text, fooocus_scheme="fooocus")
        if kind == "png"
        else exif_file(kind.upper(), b"UNICODE\0" + text.encode("utf-16-be"), x0131="Fooocus v2.5.5")
    )
    read = read_foreign(data, MODELS)
    assert read.writer == "Fooocus"
    assert read.fields == {
        "prompt": "cinematic still a cat, sharp",
        "negative_prompt": "blurry, text",
        "scheduler": "DPM++ 2M SDE Karras",
        "num_inference_steps": 30,
        "guidance_scale": 4,
        "seed": 12345,
        "width": 1152,
        "height": 896,
        "model": "sd/deliberate_v2",
    }
    assert any(what.startswith("lora_combined_1") for what in left_out(read))


def test_novelais_pictures_are_read():
    comment = {
        "steps": 28,
        "sampler": "k_euler_ancestral",
        "seed": 99,
        "scale": 11.0,
        "uc": "lowres",
        "width": 832,
        "height": 1216,
    }
    read = read_foreign(
        png(Software="NovelAI", Description="a cat", Source="Stable Diffusion 1D44365E", Comment=json.dumps(comment))
    )
    assert read.writer == "NovelAI"
    assert read.fields == {
        "prompt": "a cat",
        "negative_prompt": "lowres",
        "scheduler": "Euler a",
        "num_inference_steps": 28,
        "guidance_scale": 11,
        "seed": 99,
        "width": 832,
        "height": 1216,
    }


def test_klms_guis_pictures_are_read():
    texts = {
        "SD__prompt": "A corgi wearing a top hat",
        "SD__seed": "1234",
        "SD__width": "512",
        "SD__height": "576",
        "SD__steps": "50",
        "SD__cfg_scale": "7.5",
        "SD__normalize_prompt_weights": "True",
        "SD__GFPGAN": "True",
    }
    read = read_foreign(png(**texts))
    assert read.writer == "klms-gui"
    assert read.fields == {
        "prompt": "A corgi wearing a top hat",
        "num_inference_steps": 50,
        "guidance_scale": 7.5,
        "seed": 1234,
        "width": 512,
        "height": 576,
    }
    assert "faces are not made anew" in left_out(read).values()
    read = read_foreign(png(**texts, SD__denoising_strength="0.75"))
    assert (read.task, read.fields["strength"]) == ("image_to_image", 0.75)


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "avif"])
def test_our_own_are_taken_whole(kind):
    mask = Image.new("L", (64, 64), 255)
    for request in (
        TextToImageRequest(prompt="x\nSteps: 1", negative_prompt="y", seed=3, scheduler="k_lms_ka", guidance_scale=3.5),
        ImageToImageRequest(prompt="x", image=PICTURE, strength=0.5, seed=3),
        InpaintRequest(prompt="x", image=PICTURE, mask_image=mask, mask_blur=9, seed=3),
    ):
        recipe = write_recipe(request, ImageFinished(0, PICTURE, 3), model=MODELS[0])
        stamp = Stamp(id="0" * 32, owner="", created="2026-01-01T00:00:00Z", recipe=recipe)
        read = read_foreign(
            encode_picture(PICTURE, Saving(format=kind), infotext=write_infotext(recipe), stamp=stamp), MODELS
        )
        assert (read.writer, read.task, read.recipe) == ("Reverie", request.task, recipe)
        assert read.approximated == ()
        assert left_out(read).keys() == set(recipe.request) & {"image", "mask_image"}
        again = dict(read.fields) | {name: getattr(request, name) for name in left_out(read)}
        same = type(request)(**again)
        assert (same.prompt, same.seed, same.guidance_scale) == (request.prompt, 3, request.guidance_scale)
        assert again["model"] == "starter"


def test_a_damaged_recipe_of_ours_falls_back_on_its_text():
    read = read_foreign(png(reverie='{"id": 1}', parameters=A1111), MODELS)
    assert read.fields == FIELDS
    assert "damaged" in left_out(read)["the complete recipe"]


def test_models_are_told_apart_by_their_weights():
    line = "a cat\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 5, Model hash: {}, Model: {}"
    assert read_text(line.format("9aba26abdf", "renamed"), MODELS).fields["model"] == "sd/deliberate_v2"
    rows = read_text(line.format("0123456789", "deliberate_v2"), MODELS).approximated
    (near,) = (row for row in rows if row.field != "noise_source")
    assert (near.field, near.value) == ("model", "sd/deliberate_v2")
    assert "other weights" in near.how
    read = read_text(line.format("0123456789", "unheard-of"), MODELS)
    assert "model" not in read.fields
    assert "not installed" in left_out(read)["model unheard-of"]


@pytest.mark.parametrize(
    ("pairs", "field", "value"),
    [
        ("Steps: 500, Sampler: Euler, CFG scale: 7, Seed: 5", "num_inference_steps", 150),
        ("Steps: 20, Sampler: Euler, CFG scale: 0.5, Seed: 5", "guidance_scale", 1.0),
        ("Steps: 20, Sampler: Euler, CFG scale: 7, Seed: 5, Size: 513x770", "width", 512),
        ("Steps: 20, Sampler: Euler, CFG scale: 7, Seed: 5, Size: 512x9000", "height", 2048),
        ("Steps: 20, Sampler: DDIM, Schedule type: Karras, CFG scale: 7, Seed: 5", "scheduler", "DDIM"),
        ("Steps: 20, Sampler: Heun++ 2, CFG scale: 7, Seed: 5", "scheduler", None),
    ],
)
def test_values_out_of_reach_become_the_nearest_and_say_so(pairs, field, value):
    read = read_text(f"a cat\n{pairs}")
    (near,) = [row for row in read.approximated if row.field == field]
    assert value is None or near.value == value
    assert near.how
    assert read.fields[field] == near.value
    TextToImageRequest(**{name: part for name, part in read.fields.items() if name in TextToImageRequest.model_fields})


def test_a_seed_that_is_too_large_is_not_bent():
    read = read_text("a cat\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 99999999999")
    assert "seed" not in read.fields
    assert "largest" in left_out(read)["seed"]


@pytest.mark.parametrize(
    "texts",
    [
        {},
        {"Title": "holiday"},
        {"parameters": "just words"},
        {"prompt": "not a graph"},
        {"prompt": '{"1": 2}'},
        {"Comment": "{"},
    ],
)
def test_what_nobody_knows_is_shown_as_it_is(texts):
    read = read_foreign(png(**texts))
    assert (read.writer, read.fields) == ("unknown", {})
    assert all(text in read.raw for text in texts.values())


# ---- harm


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunks(*chunks: bytes) -> bytes:
    whole = png()
    return whole[:33] + b"".join(chunks) + whole[33:]


@functools.cache
def packed(megabytes: int) -> bytes:
    squeeze = zlib.compressobj(1)
    return b"".join(squeeze.compress(b"a" * (1 << 20)) for _ in range(megabytes)) + squeeze.flush()


@functools.cache
def bombs() -> dict[str, bytes]:
    mega = packed(200)
    itxt = b"parameters\0\x01\0\0\0" + mega
    wide = "😀" * 200_000
    one = zlib.compress(b"b" * (1 << 20), 9)
    return {
        "zTXt": with_chunks(chunk(b"zTXt", b"parameters\0\0" + mega)),
        "iTXt": with_chunks(chunk(b"iTXt", itxt)),
        "many": with_chunks(*(chunk(b"zTXt", b"k%d\0\0" % n + one) for n in range(300))),
        "wide": with_chunks(*(chunk(b"iTXt", b"k%d\0\0\0\0\0" % n + wide.encode()) for n in range(20))),
        "deep": png(parameters="[" * 500_000),
        "deep object": png(prompt='{"a":' * 200_000),
        "long number": png(prompt=json.dumps(comfy_graph(seed=1234)).replace("1234", "9" * 100_000)),
        "many keys": png(prompt=json.dumps({str(n): {"class_type": "KSampler", "inputs": {}} for n in range(20_000)})),
        "circle": png(prompt=json.dumps(circle(400))),
        "many samplers": png(prompt=json.dumps({str(n): comfy_graph()["3"] for n in range(499)})),
        "names": png(parameters="a\n" + "key: value, " * 30_000),
        "empty": png(parameters=""),
    }


def circle(length: int) -> dict[str, Any]:
    """Nodes that all go into each other, and samplers that ask them for a prompt."""
    nodes: dict[str, Any] = {
        str(n): {
            "class_type": "ConditioningCombine",
            "inputs": {f"c{m}": [str((n + m) % length), 0] for m in range(1, 20)},
        }
        for n in range(length)
    }
    sampler = comfy_graph()["3"]
    sampler["inputs"] |= {"positive": ["0", 0], "negative": ["1", 0], "model": ["2", 0]}
    return nodes | {f"s{n}": sampler for n in range(50)}


MEASURE = """
import json, os, pickle, resource, sys, time
from webui.library.foreign import read_foreign
from webui.library.recipe import RecipeError
import sd_parsers.parsers
read_foreign(sys.stdin.buffer.read(int(sys.argv[1])))
for name, data in pickle.load(sys.stdin.buffer).items():
    if os.fork():
        assert os.wait()[1] == 0
        continue
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        read_foreign(data)
    except RecipeError:
        pass
    cost = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, time.process_time() - began
    print(json.dumps([name, *cost]), flush=True)
    os._exit(0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts kilobytes as Linux does")
def test_a_bomb_costs_little():
    first = png(prompt=json.dumps(comfy_graph()))
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(len(first))],
        input=first + pickle.dumps(bombs()),
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=120,
    )
    costs = [json.loads(line) for line in done.stdout.splitlines()]
    assert {name for name, *_ in costs} == bombs().keys()
    for name, kilobytes, seconds in costs:
        assert kilobytes < 100 * 1024, name
        assert seconds < 10, name


def samples() -> list[bytes]:
    recipe = write_recipe(TextToImageRequest(prompt="x"), ImageFinished(0, PICTURE, 3))
    recipe = recipe.model_copy(update={"model": RecipeModel(id="a", name="b", hash="c" * 64)})
    stamp = Stamp(id="0" * 32, owner="", created="2026-01-01T00:00:00Z", recipe=recipe)
    comment = json.dumps({"steps": 28, "sampler": "k_euler", "seed": 99, "scale": 11.0, "uc": "lowres"})
    ours = [
        encode_picture(PICTURE, Saving(format=kind), infotext=write_infotext(recipe), stamp=stamp)
        for kind in ("png", "jpeg", "webp", "avif")
    ]
    return [
        *ours,
        *a1111_files().values(),
        png(prompt=json.dumps(comfy_graph()), workflow="{}"),
        png(invokeai_metadata=json.dumps(INVOKEAI)),
        png(parameters=json.dumps(FOOOCUS), fooocus_scheme="fooocus"),
        png(Software="NovelAI", Description="a cat", Comment=comment),
        png(SD__prompt="a", SD__seed="1", SD__width="64", SD__height="64"),
        png(Dream='"a dog [blurry]" -s 50 -S 5 -W 512 -H 768 -C 7.5 -A k_euler_a'),
    ]


SALT = (b"\0", b"\xff", b'"', b"{", b"[", b"\\", b"\n", b": ", b",", b"-1", b"1e999", b"null", b"NaN", b"9" * 400)


def mutated(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 5, 40])):
        place = chance.randrange(len(changed) + 1)
        act = chance.randrange(5)
        if act == 0:
            changed[place : place + 1] = bytes([chance.randrange(256)])
        elif act == 1:
            del changed[place : place + chance.choice([1, 4, 200])]
        elif act == 2:
            changed[place:place] = chance.choice(SALT)
        elif act == 3:
            changed[place:place] = changed[chance.randrange(len(changed) + 1) :][: chance.choice([8, 300])]
        else:
            del changed[place:]
        if not changed:
            break
    return bytes(changed)


def mutated_chunk(data: bytes, chance: random.Random) -> bytes:
    """A PNG that is whole but for what one of its texts says; any other file is changed anywhere."""
    if not data.startswith(b"\x89PNG"):
        return mutated(data, chance)
    parts, place = [], 8
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        parts.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + length]))
        place += 12 + length
    number = chance.choice([number for number, (kind, _) in enumerate(parts) if kind.endswith((b"EXt", b"TXt"))])
    kind, text = parts[number]
    name, _, said = text.partition(b"\0")
    parts[number] = (kind, name + b"\0" + mutated(said, chance))
    return data[:8] + b"".join(chunk(*part) for part in parts)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("count", [2000, pytest.param(40_000, marks=pytest.mark.slow)])
def test_mutated_files_are_an_error_or_raw_text_and_never_a_crash(count):
    import resource

    originals, chance = samples(), random.Random(count)
    for data in originals:
        assert read_foreign(data).writer != "unknown"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    complaints: set[str] = set()
    read = 0
    for number in range(count):
        change = chance.choice([mutated, mutated_chunk])
        data = change(originals[number % len(originals)], chance)
        try:
            found = read_foreign(data, MODELS)
        except RecipeError as error:
            complaints.add(str(error))
            continue
        read += found.writer != "unknown"
        assert isinstance(found.raw, str) and len(found.raw) <= 100_000
        assert set(found.fields) <= {*InpaintRequest.model_fields, *TextToImageRequest.model_fields}
    assert read
    assert complaints
    assert all("\n" not in complaint and complaint.endswith(".") for complaint in complaints)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


@settings(max_examples=200, deadline=None)
@given(
    text=st.text(max_size=400)
    | st.recursive(st.none() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=9).map(json.dumps)
)
def test_any_text_is_read_under_every_name(text):
    for name in ("parameters", "prompt", "invokeai_metadata", "Dream", "Comment", "SD__prompt", "reverie"):
        read = read_foreign(png(**{name: text.replace("\0", "") if name != "reverie" else text}, Software="NovelAI"))
        assert isinstance(read.fields.get("prompt", ""), str)


@settings(max_examples=150, deadline=None)
@given(
    sampler=st.dictionaries(
        st.sampled_from(
            ["seed", "steps", "cfg", "sampler_name", "scheduler", "denoise", "positive", "negative", "model"]
        ),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=20)
        | st.lists(st.integers(), max_size=3),
    )
)
def test_any_values_in_a_graph_give_fields_that_keep_their_limits(sampler):
    read = read_foreign(png(prompt=json.dumps(comfy_graph(**sampler))))
    fields = {name: value for name, value in read.fields.items() if name in TextToImageRequest.model_fields}
    fields["prompt"] = fields.get("prompt") or "x"
    TextToImageRequest(**fields)


def test_text_that_is_too_long_is_refused():
    with pytest.raises(RecipeError, match="at most"):
        read_text("a" * (1 << 20))


def test_a_text_too_long_inside_a_picture_is_said_and_costs_no_other_text():
    with pytest.raises(RecipeError, match="5,000,011 bytes inside that cannot be read; at most 4 MB"):
        read_foreign(png(parameters="x" * 5_000_000))
    assert read_foreign(png(parameters=A1111, workflow="x" * 5_000_000)).fields
