"""A chain made again: unchanged to the last bit, on another model, at another size, with other words."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipelines.errors import ReverieError
from pipelines.events import ImageFinished
from pipelines.manager import PipelineManager
from pipelines.model_info import STARTER_FOLDER
from pipelines.outpainting import grow_canvas
from pipelines.request import GenerationRequest, ImageToImageRequest, InpaintRequest, TextToImageRequest
from tests.libraries import smooth
from tests.waiting import ended, until
from webui.branching import BRANCH, asked_branch, branch_at
from webui.enlarging import EDIT, enlargement
from webui.job import Job
from webui.jobs import JobQueue
from webui.library.picture import SavedPicture
from webui.library.store import Library
from webui.origin import Origin
from webui.own_styles import AllStyles
from webui.owners import LOCAL_OWNER
from webui.replay_links import Scale, Sides, grown_by, pixels_of, read_links
from webui.replaying import ReplayPlan, Wish, fitted
from webui.studio import Studio
from webui.varying import graded, variations

STEPS: dict[str, Any] = {"num_inference_steps": 4, "guidance_scale": 2.0}
MASK = Image.new("L", (128, 128), 0)
MASK.paste(255, (32, 32, 96, 96))


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio with the starter model twice: once more as a folder of somebody's own."""
    models = tmp_path_factory.mktemp("models")
    shutil.copytree(STARTER_FOLDER, models / "twin")
    manager = PipelineManager(models_dirs=[models], device="cpu", previews=False)
    library = Library(tmp_path_factory.mktemp("outputs"))

    def keep(job: Job, event: ImageFinished) -> SavedPicture:
        model = next(info for info in manager.models() if info.id == (job.request.model or "starter"))
        number = job.picture_id(event.index)
        return library.keep(job.owner, job.request, event, model=model, picture_id=number, **job.origin._asdict())

    queue = JobQueue(manager, keep, find=library.get, owner_key=library.owner_key)
    styles = AllStyles({}, library.folder / ".library" / "styles", library.owner_key, shared=False)
    studio = Studio(manager, queue, library, shared=False, styles=styles, examples=())
    yield studio
    studio.series.close()
    queue.close()
    manager.close()
    library.close()


def made(studio: Studio, request: GenerationRequest, parent: SavedPicture | None = None, edit: str | None = None):
    job = studio.queue.submit(LOCAL_OWNER, request, Origin(None if parent is None else parent.id, edit))
    view = until(job, ended, 120)
    assert view.state == "finished", view.error
    return job.made[0]


def words(studio: Studio, prompt: str = "a red circle on blue", seed: int = 7, **told: Any) -> SavedPicture:
    return made(studio, TextToImageRequest(prompt=prompt, seed=seed, width=128, height=128, **STEPS | told))


def edited(studio: Studio, parent: SavedPicture, prompt: str, seed: int, **told: Any) -> SavedPicture:
    fields = {"image": pixels_of(parent), "strength": 0.6} | told
    return made(studio, ImageToImageRequest(prompt=prompt, seed=seed, **STEPS | fields), parent)


def inpainted(studio: Studio, parent: SavedPicture, prompt: str, seed: int, **told: Any) -> SavedPicture:
    fields = {"image": pixels_of(parent), "mask_image": MASK} | told
    return made(studio, InpaintRequest(prompt=prompt, seed=seed, **STEPS | fields), parent)


def varied(studio: Studio, parent: SavedPicture) -> SavedPicture:
    recipe = studio.library.recipe(LOCAL_OWNER, parent.id)
    request = variations(studio, parent, recipe, 40.0).model_copy(update={"num_images_per_prompt": 1, "seed": 11})
    return made(studio, request, parent, "variation")


def branched(studio: Studio, parent: SavedPicture, prompt: str, step: int = 2) -> SavedPicture:
    recipe = studio.library.recipe(LOCAL_OWNER, parent.id)
    assert recipe is not None
    stages = asked_branch(branch_at(recipe, parent.id, step)).stages
    told = recipe.repeating_fields() | {"prompt": prompt, "stages": stages, "model": None}
    return made(studio, TextToImageRequest(**told), parent, BRANCH)


def upscaled(studio: Studio, parent: SavedPicture) -> SavedPicture:
    return made(studio, enlargement(parent, 2, "Lanczos"), parent, EDIT)


def replayed(studio: Studio, picture: SavedPicture, wish: Wish = Wish()) -> list[SavedPicture]:  # noqa: B008
    """The new chain, found by its series' places."""
    plan = ReplayPlan(studio, read_links(studio.library, LOCAL_OWNER, picture), wish)
    known = {one.id for one in studio.library.find(LOCAL_OWNER, count=1000).pictures}
    until(studio.series.start(LOCAL_OWNER, plan), ended, 120)
    while not all(one.ended for one in studio.series.of(LOCAL_OWNER)):
        for job in studio.queue.jobs(LOCAL_OWNER):
            until(job, ended, 120)
    assert [one.state for one in studio.series.of(LOCAL_OWNER)][-1] == "finished"
    new = [one for one in studio.library.find(LOCAL_OWNER, count=1000).pictures if one.id not in known]
    return sorted(new, key=lambda one: int(one.edit.split()[1].split("/")[0]))


def refusal(studio: Studio, picture: SavedPicture, wish: Wish = Wish()) -> str:  # noqa: B008
    with pytest.raises(ReverieError) as caught:
        ReplayPlan(studio, read_links(studio.library, LOCAL_OWNER, picture), wish)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture(scope="module")
def chain(studio: Studio) -> list[SavedPicture]:
    """Text, image to image, inpainting, a variation."""
    first = words(studio)
    second = edited(studio, first, "a yellow circle on blue", 3)
    third = inpainted(studio, second, "a green star", 5)
    return [first, second, third, varied(studio, third)]


def test_nothing_changed_gives_the_same_chain_to_the_last_bit(studio: Studio, chain: list[SavedPicture]) -> None:
    new = replayed(studio, chain[-1])
    assert [one.edit for one in new] == [f"replay {number}/4" for number in range(1, 5)]
    assert [one.parent for one in new] == ["", *(one.id for one in new[:-1])]
    for old, again in zip(chain, new, strict=True):
        assert pixels_of(again).tobytes() == pixels_of(old).tobytes(), again.edit
        assert (again.seed, again.prompt) == (old.seed, old.prompt)
        recipe = studio.library.recipe(LOCAL_OWNER, again.id)
        assert recipe is not None and recipe.parent == (again.parent or None)


def test_so_does_a_replay_of_the_replay(studio: Studio, chain: list[SavedPicture]) -> None:
    again = replayed(studio, replayed(studio, chain[2])[-1])
    assert pixels_of(again[-1]).tobytes() == pixels_of(chain[2]).tobytes()


def test_branches_and_upscaled_pictures_are_replayed(studio: Studio) -> None:
    first = words(studio, seed=21)
    branch = branched(studio, first, "a green square on blue")
    other = edited(studio, branch, "a white cat", 2)
    old = [first, branch, other, upscaled(studio, other)]
    new = replayed(studio, old[-1])
    assert [pixels_of(one).tobytes() for one in new] == [pixels_of(one).tobytes() for one in old]
    larger = replayed(studio, old[-1], Wish(size=(192, 160), prompt="an orange moon"))
    assert [(one.width, one.height) for one in larger] == [(192, 160)] * 3 + [(384, 320)]
    assert [one.prompt for one in larger] == ["an orange moon", "a green square on blue", "a white cat", "a white cat"]
    recipe = studio.library.recipe(LOCAL_OWNER, larger[1].id)
    assert recipe is not None and recipe.request["stages"][0]["prompt"] == "an orange moon"  # type: ignore[index,call-overload]


def test_a_branch_of_image_to_image_begins_where_its_parent_did(studio: Studio) -> None:
    first = words(studio, seed=22)
    second = edited(studio, first, "a yellow circle", 4)
    recipe = studio.library.recipe(LOCAL_OWNER, second.id)
    assert recipe is not None
    told = recipe.repeating_fields() | {"stages": asked_branch(branch_at(recipe, second.id, 1)).stages}
    request = ImageToImageRequest(**told | {"prompt": "a white cat", "image": pixels_of(first), "model": None})
    third = made(studio, request, second, BRANCH)
    assert [link.beginning and link.beginning.link for link in read_links(studio.library, LOCAL_OWNER, third)] == [
        None,
        0,
        0,
    ]
    assert pixels_of(replayed(studio, third)[-1]).tobytes() == pixels_of(third).tobytes()


def test_another_size_scales_pictures_and_masks_and_keeps_the_rest(studio: Studio, chain: list[SavedPicture]) -> None:
    new = replayed(studio, chain[2], Wish(size=(192, 192)))
    assert [(one.width, one.height) for one in new] == [(192, 192)] * 3
    before, after = np.asarray(pixels_of(new[1])), np.asarray(pixels_of(new[2]))
    outside = np.ones((192, 192), dtype=bool)
    outside[48:144, 48:144] = False
    assert (before[outside] == after[outside]).all() and (before != after).any()
    recipes = [studio.library.recipe(LOCAL_OWNER, one.id) for one in new]
    olds = [studio.library.recipe(LOCAL_OWNER, one.id) for one in chain]
    for recipe, old in zip(recipes, olds, strict=False):
        assert recipe is not None and old is not None
        for name in ("prompt", "seed", "strength", "guidance_scale", "num_inference_steps", "scheduler"):
            assert recipe.request.get(name) == old.request.get(name), name
    assert recipes[2] is not None and recipes[2].request["mask_blur"] == 6
    kept = studio.library.inputs(LOCAL_OWNER, new[2].id)
    assert kept["image"].tobytes() == pixels_of(new[1]).tobytes()
    assert kept["mask_image"].getbbox() == (48, 48, 144, 144)


def test_another_model_makes_it_anew(studio: Studio, chain: list[SavedPicture]) -> None:
    (twin,) = (name for name in studio.models if name != "starter")
    new = replayed(studio, chain[2], Wish(model=twin))
    assert {one.model for one in new} == {twin}
    assert pixels_of(new[-1]).tobytes() == pixels_of(chain[2]).tobytes(), "it has the same weights"
    assert "the model of old is not here any more" in refusal(studio, chain[2], Wish(model="of old"))


def test_an_upload_is_begun_with_again(studio: Studio) -> None:
    request = InpaintRequest(prompt="a star", seed=3, image=smooth((128, 128)), mask_image=MASK, **STEPS)
    first = made(studio, request)
    second = edited(studio, first, "a moon", 4)
    assert pixels_of(replayed(studio, second)[-1]).tobytes() == pixels_of(second).tobytes()
    larger = replayed(studio, second, Wish(size=(256, 128)))
    assert [(one.width, one.height) for one in larger] == [(256, 128)] * 2
    kept = studio.library.inputs(LOCAL_OWNER, larger[0].id)
    assert kept["image"].size == kept["mask_image"].size == (256, 128)


def test_a_grown_picture_grows_again(studio: Studio) -> None:
    first = words(studio, seed=23)
    canvas = grow_canvas(pixels_of(first), left=64, bottom=32)
    second = inpainted(studio, first, "a harbour", 5, image=canvas.image, mask_image=canvas.mask_image)
    assert grown_by(pixels_of(first), canvas.image) == Sides(64, 0, 0, 32)
    assert pixels_of(replayed(studio, second)[-1]).tobytes() == pixels_of(second).tobytes()
    larger = replayed(studio, second, Wish(size=(192, 192)))
    assert (larger[1].width, larger[1].height) == (288, 240)
    inner = np.asarray(pixels_of(larger[1]))[:150, 130:]
    assert (inner == np.asarray(pixels_of(larger[0]))[:150, 34:]).all()


def test_what_cannot_be_made_again_is_said_before_anything_starts(studio: Studio, chain: list[SavedPicture]) -> None:
    first = words(studio, seed=24)
    altered = edited(studio, first, "a moon", 2, image=smooth((128, 128)))
    assert pixels_of(replayed(studio, altered)[-1]).tobytes() == pixels_of(altered).tobytes()
    assert "Picture 2 of 2 cannot be made again: it began with an altered copy" in refusal(
        studio, altered, Wish(size=(192, 192))
    )
    assert "width is 100" in refusal(studio, chain[3], Wish(size=(100, 128)))
    assert "prompt is empty" in refusal(studio, chain[3], Wish(prompt=" "))
    larger = upscaled(studio, upscaled(studio, words(studio, seed=25)))
    assert "Picture 3 of 3" in refusal(studio, larger, Wish(size=(2048, 2048)))
    gone = inpainted(studio, words(studio, seed=26), "a star", 6, mask_image=Image.new("L", (128, 128), 255))
    row = studio.library._row(gone.id)
    assert row is not None
    studio.library._inputs.forget([row.mask], lambda _name: False)
    assert "Picture 2 of 2 cannot be made again: the picture or mask it began with is not kept" in refusal(studio, gone)


def test_words_that_only_repeat_the_first_picture_follow_it(studio: Studio) -> None:
    first = words(studio, seed=27)
    recipe = studio.library.recipe(LOCAL_OWNER, first.id)
    subtle = graded(studio, first, recipe, "subtle").model_copy(update={"num_images_per_prompt": 1})
    second = made(studio, subtle, first, "vary_subtle")
    new = replayed(studio, second, Wish(prompt="a white cat"))
    assert [one.prompt for one in new] == ["a white cat"] * 2
    assert pixels_of(replayed(studio, second)[-1]).tobytes() == pixels_of(second).tobytes()


def test_masks_and_sizes_are_scaled() -> None:
    assert Scale(1.5, 1.5).of((130, 64)) == (192, 96) and Scale().of((130, 65)) == (130, 65)
    hard = fitted(MASK, (192, 192))
    assert hard.getbbox() == (48, 48, 144, 144) and len(hard.getcolors(256) or ()) == 2
    soft = fitted(Image.linear_gradient("L"), (128, 128))
    assert len(soft.getcolors(256) or ()) > 100 and fitted(soft, (128, 128)) is soft


def test_the_feed_has_one_row_for_it(studio: Studio, chain: list[SavedPicture]) -> None:
    from webui.feed import feed_page

    new = replayed(studio, chain[-1])
    row = feed_page(studio, LOCAL_OWNER)["rows"][0]
    assert (row["edit"], [one["id"] for one in row["pictures"]]) == ("replay", [one.id for one in new])
    json.dumps(row)


def test_a_grown_picture_is_told_from_an_altered_one(tmp_path: Path) -> None:
    start = smooth()
    assert grown_by(start, start) is grown_by(start, smooth((72, 72))) is None
    canvas = grow_canvas(start, right=8, top=16).image
    assert grown_by(start, canvas) == Sides(0, 8, 16, 0)
    canvas.putpixel((0, 0), (1, 2, 3))
    assert grown_by(start, canvas) is None
