"""A picture's recipe is run again, and the answer says whether the same picture came out, and if not why."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.events import ImageFinished
from pipelines.hashes import WeightsHashes
from pipelines.manager import PipelineManager
from pipelines.request import ImageToImageRequest, InpaintRequest, TextToImageRequest
from tests.libraries import opened, picture, smooth
from webui.library.embed import Stamp, encode_picture, read_stamp
from webui.library.formats import Saving
from webui.library.infotext import write_infotext
from webui.library.prove import changes, compare, machine_of, prove
from webui.library.recipe import RecipeError
from webui.library.store import Library

START = smooth()
MASK = Image.new("L", (64, 64), 0)
MASK.paste(255, (16, 16, 48, 48))
SMALL = {"seed": 5, "num_inference_steps": 4, "width": 64, "height": 64}


@pytest.fixture(scope="module")
def manager() -> Iterator[PipelineManager]:
    manager = PipelineManager(previews=False)
    yield manager
    manager.close()


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with opened(tmp_path) as library:
        yield library


def paint(manager, library, request, **more):
    (event,) = (event for event in manager.generate(request) if isinstance(event, ImageFinished))
    return library.keep("ann", request, event, model=manager.models()[0], machine=machine_of(manager), **more)


def with_recipe(path: Path, **changed) -> bytes:
    """The same pixels with another recipe."""
    stamp = read_stamp(path)
    stamp = stamp.model_copy(update={"recipe": stamp.recipe.model_copy(update=changed)})
    with Image.open(path) as image:
        return encode_picture(image.convert("RGB"), infotext=write_infotext(stamp.recipe), stamp=stamp)


REQUESTS = {
    "text": (TextToImageRequest(prompt="a red circle", **SMALL), {}),
    "image": (ImageToImageRequest(prompt="a red circle", image=START, **SMALL), {"image": START}),
    "inpaint": (
        InpaintRequest(prompt="a red circle", image=START, mask_image=MASK, **SMALL),
        {"image": START, "mask_image": MASK},
    ),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_picture_alone_comes_out_the_same_to_the_last_byte(manager, library, name):
    request, given = REQUESTS[name]
    saved = paint(manager, library, request)
    proof = prove(saved.path, manager, weights=library.weights, **given)
    assert (proof.outcome, proof.largest_difference, proof.share, proof.reasons) == ("identical", 0, 0.0, ())
    assert proof.same_file
    assert proof.image.tobytes() == Image.open(saved.path).tobytes()


def test_pictures_that_were_needed_have_to_be_given_again(manager, library):
    request, given = REQUESTS["inpaint"]
    saved = paint(manager, library, request)
    proof = prove(saved.path, manager)
    assert proof.outcome == "not_possible"
    assert [reason.split()[0] for reason in proof.reasons] == ["image", "mask_image"]
    other = prove(saved.path, manager, image=picture().image, mask_image=given["mask_image"])
    assert (other.outcome, other.reasons) == (
        "not_possible",
        ("image is another picture than the one it was made from.",),
    )


def test_every_picture_of_a_request_is_proved_alone(manager, library):
    request = TextToImageRequest(prompt="a red circle", num_images_per_prompt=3, deterministic=True, **SMALL)
    events = [event for event in manager.generate(request) if isinstance(event, ImageFinished)]
    saved = [library.keep("ann", request, event, model=manager.models()[0]) for event in events]
    assert [prove(one.path, manager).outcome for one in saved] == ["identical"] * 3


def test_another_picture_is_called_different_and_the_reasons_are_told(manager, library):
    saved = paint(manager, library, REQUESTS["text"][0])
    recipe = read_stamp(saved.path).recipe
    model = recipe.model.model_copy(update={"hash": "0" * 64})
    old = recipe.versions | {"torch": "1.0", "diffusers": "0.1"}
    machine = {"device": "An abacus"}
    data = with_recipe(saved.path, seed=6, model=model, versions=old, machine=machine)
    proof = prove(data, manager)
    assert proof.outcome == "different"
    assert proof.largest_difference > 8
    assert 0 < proof.share <= 1
    told = " ".join(proof.reasons)
    assert "The model's weights are others" in told
    assert "and was 1.0." in told
    assert "diffusers is" in told
    if machine_of(manager):
        assert "and was An abacus." in told


def test_a_picture_kept_with_loss_is_the_same_within_reason(manager, library):
    request = TextToImageRequest(prompt="a red circle", seed=5, num_inference_steps=8)
    saved = paint(manager, library, request, saving=Saving(format="jpeg", quality=95))
    proof = prove(saved.path, manager)
    assert proof.outcome in ("same", "identical")
    assert proof.outcome == "identical" or "with loss" in proof.reasons[0]
    other = paint(
        manager, library, request.model_copy(update={"prompt": "a blue square"}), saving=Saving(format="jpeg")
    )
    stamp = read_stamp(saved.path)
    with Image.open(other.path) as image:
        mixed = encode_picture(image.convert("RGB"), Saving(format="jpeg"), stamp=stamp)
    assert prove(mixed, manager).outcome == "different"


def test_what_has_no_recipe_cannot_be_proved(manager, library, tmp_path):
    plain = io.BytesIO()
    START.save(plain, "PNG")
    assert prove(plain.getvalue(), manager).outcome == "not_possible"
    with pytest.raises(RecipeError):
        prove(b"no picture", manager)
    saved = paint(manager, library, REQUESTS["text"][0])
    request = read_stamp(saved.path).recipe.request
    proof = prove(with_recipe(saved.path, request=request | {"model": "unheard-of"}), manager)
    assert proof.outcome == "not_possible"
    assert "unheard-of" in proof.reasons[0]


@pytest.mark.parametrize(
    ("off", "share", "outcome"),
    [
        (0, 1.0, "identical"),
        (1, 1.0, "same"),
        (2, 1.0, "same"),
        (8, 0.005, "same"),
        (8, 0.5, "different"),
        (9, 0.001, "different"),
    ],
)
def test_the_tolerance_is_what_it_says(off, share, outcome):
    before = np.full((100, 100, 3), 100, dtype=np.uint8)
    after = before.copy().reshape(-1, 3)
    after[: max(1, int(share * 10_000)), 0] += off
    proof = compare(Image.fromarray(before), Image.fromarray(after.reshape(100, 100, 3)))
    assert (proof.outcome, proof.largest_difference) == (outcome, off)
    assert compare(Image.fromarray(before), Image.new("RGB", (8, 8))).outcome == "different"


# ---- weights


def test_a_models_weights_have_one_hash_until_they_change(tmp_path):
    import hashlib
    import os

    single = tmp_path / "model.safetensors"
    single.write_bytes(b"weights")
    kept = tmp_path / "weights.json"
    hashes = WeightsHashes(kept)
    assert hashes.of(single) == hashlib.sha256(b"weights").hexdigest(), "A1111's hash is its first ten digits"

    folder = tmp_path / "model"
    (folder / "unet").mkdir(parents=True)
    (folder / "unet" / "a.safetensors").write_bytes(b"a")
    (folder / "model_index.json").write_text("{}")
    alone = hashes.of(folder)
    assert alone == hashlib.sha256(b"a").hexdigest()
    (folder / "vae.safetensors").write_bytes(b"b")
    both = hashes.of(folder)
    assert both not in (alone, None)
    assert WeightsHashes(kept).of(folder) == both
    assert len(json.loads(kept.read_text())) == 3

    remembered = json.loads(kept.read_text())
    kept.write_text(json.dumps(dict.fromkeys(remembered, "f" * 64)))
    assert WeightsHashes(kept).of(single) == "f" * 64, "it is not read again"
    single.write_bytes(b"others!")
    os.utime(single, ns=(1, 1))
    assert WeightsHashes(kept).of(single) == hashlib.sha256(b"others!").hexdigest()
    for nonsense in ("", "[]", "{", '{"a": 1}', "[" * 9999):
        kept.write_text(nonsense)
        assert WeightsHashes(kept).of(folder) == both
    assert hashes.of(tmp_path / "nowhere") is None
    (tmp_path / "empty").mkdir()
    assert hashes.of(tmp_path / "empty") is None


def test_the_hash_of_the_weights_is_in_the_recipe(manager, library):
    saved = paint(manager, library, REQUESTS["text"][0])
    known = library.weights.of(manager.models()[0].folder)
    assert library.recipe("ann", saved.id).model.hash == known
    assert f"Model hash: {known[:10]}, Model: " in saved.infotext
    assert list(changes(library.recipe("ann", saved.id), manager, library.weights)) == []


def test_a_stamp_stays_what_it_was():
    assert set(Stamp.model_fields) == {"id", "owner", "created", "recipe"}
