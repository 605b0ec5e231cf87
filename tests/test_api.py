"""The public endpoints, as a program uses them, on a real Reverie."""

from __future__ import annotations

import json
import math
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from pydantic_core import to_jsonable_python

from pipelines.request import ImageToImageRequest, InpaintRequest, TextToImageRequest
from tests.studio import Studio
from webui.library.embed import read_parameters, read_recipe


@pytest.fixture(scope="module")
def client(studio: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    made = Client(studio, verbose=False, download_files=str(tmp_path_factory.mktemp("downloads")))
    yield made
    made.close()


@pytest.fixture
def blue(tmp_path: Path) -> str:
    Image.new("RGB", (160, 96), (40, 60, 200)).save(tmp_path / "blue.png")
    return str(tmp_path / "blue.png")


def ask(client: Client, task: str, **fields: Any) -> tuple[list[str], list[int]]:
    return client.predict(api_name=f"/{task}", **{"num_inference_steps": 4, **fields})


def test_there_are_three_endpoints_with_the_requests_fields_and_defaults(client: Client) -> None:
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(endpoints) == {"/text_to_image", "/image_to_image", "/inpaint"}
    for request_type in (TextToImageRequest, ImageToImageRequest, InpaintRequest):
        told = {one["parameter_name"]: one for one in endpoints[f"/{request_type.task}"]["parameters"]}
        assert list(told) == list(request_type.model_fields)
        for name, field in request_type.model_fields.items():
            if field.is_required():
                assert told[name]["parameter_default"] is None
            else:
                assert told[name]["parameter_has_default"]
                assert told[name]["parameter_default"] == to_jsonable_python(field.default)


def test_words_become_png_files_with_the_recipe_inside(client: Client) -> None:
    files, seeds = ask(client, "text_to_image", prompt="a red circle", num_images_per_prompt=2, seed=7)
    assert seeds == [7, 8]
    for file, seed in zip(files, seeds, strict=True):
        with Image.open(file) as image:
            assert (image.format, image.mode, image.size) == ("PNG", "RGB", (128, 128))
        recipe = read_recipe(file)
        assert recipe is not None
        assert (recipe.seed, recipe.request["prompt"]) == (seed, "a red circle")
        assert (read_parameters(file) or "").startswith("a red circle\nSteps: 4, Sampler: Euler")


def test_the_same_request_gives_the_same_picture(client: Client) -> None:
    first, second = (ask(client, "text_to_image", prompt="a blue star", seed=5)[0][0] for _ in range(2))
    with Image.open(first) as one, Image.open(second) as other:
        assert np.array_equal(np.asarray(one), np.asarray(other))


def test_a_picture_becomes_another_that_takes_after_it(client: Client, tmp_path: Path) -> None:
    colours = {"blue": (40, 60, 200), "orange": (230, 140, 40)}
    made = {}
    for name, colour in colours.items():
        Image.new("RGB", (160, 96), colour).save(tmp_path / f"{name}.png")
        given = handle_file(str(tmp_path / f"{name}.png"))
        files, _ = ask(
            client, "image_to_image", prompt="a circle", image=given, strength=0.25, guidance_scale=1, seed=3
        )
        with Image.open(files[0]) as image:
            assert image.size == (160, 96)
            made[name] = np.asarray(image).astype(int)
    for name, other in (("blue", "orange"), ("orange", "blue")):
        far = {colour: np.abs(made[name] - colours[colour]).mean() for colour in colours}
        assert 0 < far[name] < far[other]


def test_only_what_is_white_in_the_mask_is_painted(client: Client, blue: str, tmp_path: Path) -> None:
    mask = np.zeros((96, 160), np.uint8)
    mask[30:70, 40:110] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    files, _ = ask(
        client,
        "inpaint",
        prompt="a red circle",
        image=handle_file(blue),
        mask_image=handle_file(str(tmp_path / "mask.png")),
    )
    with Image.open(files[0]) as image:
        painted = np.asarray(image)
    assert (painted[mask == 0] == (40, 60, 200)).all()
    assert (painted[mask == 255] != (40, 60, 200)).any()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"prompt": " "}, "prompt is empty; say what you want to see."),
        ({"prompt": 7}, "prompt is 7; it must be text"),
        ({"guidance_scale": 31}, "guidance_scale is 31; it must be a number from 1"),
        ({"num_inference_steps": 2.5}, "num_inference_steps is 2.5; it must be a whole number from 1 to 150."),
        ({"num_inference_steps": True}, "num_inference_steps is"),
        ({"width": 130, "height": 128}, "width is 130; it must be a whole number from 64 to 2048, a multiple of 8."),
        ({"width": 128}, "width is given without height"),
        ({"seed": 2**32}, "seed is 4294967296; it must be a whole number from -1 to 4294967295."),
        ({"num_images_per_prompt": 11}, "num_images_per_prompt is 11"),
        ({"scheduler": "Eulerish"}, "scheduler"),
        ({"model": "no-such-model"}, "model is 'no-such-model'"),
    ],
)
def test_what_cannot_be_used_is_answered_by_one_sentence(client: Client, fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(AppError) as caught:
        ask(client, "text_to_image", **{"prompt": "a red circle", **fields})
    assert sentence in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_a_picture_that_is_none_is_answered_by_one_sentence(client: Client, blue: str, tmp_path: Path) -> None:
    (tmp_path / "no.png").write_text("no picture")
    small = {"prompt": "x", "image": handle_file(blue), "strength": 0.1}
    for fields, sentence in (
        ({"prompt": "x"}, "image is missing"),
        ({"prompt": "x", "image": handle_file(str(tmp_path / "no.png"))}, "image is not a picture"),
        (small, "less than one step"),
    ):
        with pytest.raises(AppError, match=sentence):
            ask(client, "image_to_image", **fields)
    with pytest.raises(AppError, match="mask_image is missing"):
        ask(client, "inpaint", prompt="x", image=handle_file(blue))


def call(studio: str, task: str, values: list[Any]) -> str:
    """Speaks to an endpoint without the client's own checks; gives the last thing it says."""
    body = json.dumps({"data": values}).encode()  # Python writes NaN, as no careful client does
    head = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{studio}gradio_api/call/{task}", body, head)) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{studio}gradio_api/call/{task}/{event}", timeout=60) as answer:
        return answer.read().decode()


def test_numbers_that_are_none_are_answered_by_one_sentence(studio: str) -> None:
    fields = {name: field.default for name, field in TextToImageRequest.model_fields.items()}
    for number in (math.nan, math.inf):
        said = call(studio, "text_to_image", list({**fields, "prompt": "x", "guidance_scale": number}.values()))
        assert "event: error" in said
        assert "guidance_scale is" in said


def test_no_file_of_the_server_can_be_named_as_a_picture(studio: str, blue: str) -> None:
    fields: dict[str, Any] = {name: field.default for name, field in ImageToImageRequest.model_fields.items()}
    fields |= {"prompt": "x", "image": {"path": blue, "meta": {"_type": "gradio.FileData"}}}
    said = call(studio, "image_to_image", list(fields.values()))
    assert "event: error" in said
    assert "event: complete" not in said
    assert "handle_file" in said


@pytest.mark.parametrize("image", ["/etc/passwd", {"path": "/etc/passwd"}, ["x"], 7])
def test_inputs_of_the_wrong_kind_are_told_the_way_in_and_leave_the_terminal_quiet(
    running: Studio, image: object
) -> None:
    fields: dict[str, Any] = {name: field.default for name, field in ImageToImageRequest.model_fields.items()}
    said = call(running.url, "image_to_image", list((fields | {"prompt": "x", "image": image}).values()))
    assert "event: error" in said
    assert "as an uploaded file" in said
    assert "every field its value" in call(running.url, "text_to_image", ["x"])
    assert "Traceback" not in running.text
