"""What the form, the routes and the library say of branches."""

from __future__ import annotations

import json
from typing import Any

import pytest
from PIL import Image

from pipelines.errors import InvalidRequest
from pipelines.events import ImageFinished
from pipelines.request import TextToImageRequest
from webui.branching import Branch, asked_branch, branch_at, steps_of, why_not, written_branch
from webui.library.recipe import Recipe, write_recipe
from webui.step_strips import StepStrips

ID = "0123456789abcdef" * 2


def recipe_of(**asked: Any) -> Recipe:
    request = TextToImageRequest(prompt="a red circle", negative_prompt="blue", guidance_scale=3.0, **asked)
    return write_recipe(request, ImageFinished(0, Image.new("RGB", (128, 128)), 7))


def test_a_branch_goes_on_from_a_step() -> None:
    told = json.loads(branch_at(recipe_of(), ID, 6))
    stage = {"until": 6, "prompt": "a red circle", "negative_prompt": "blue", "guidance_scale": 3.0}
    assert told == {"start": ID, "task": "text_to_image", "stages": [stage]}
    assert asked_branch(json.dumps(told)) == Branch.model_validate(told)


@pytest.mark.parametrize(("step", "words"), [(2, ["first"]), (3, ["first"]), (4, ["first", "a red circle"])])
def test_a_branch_of_a_branch_keeps_what_was_before(step: int, words: list[str]) -> None:
    again = recipe_of(stages=[{"until": 3, "prompt": "first", "guidance_scale": 2.0}])
    branch = asked_branch(branch_at(again, ID, step))
    assert [stage.prompt for stage in branch.stages] == words
    assert branch.stages[-1].until == step


@pytest.mark.parametrize(
    "text", ["{", "7", '{"stages": 1}', '{"start": "../x"}', '{"stages": [{"until": 0}]}', "x" * 2_000_000]
)
def test_what_is_no_branch_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^stages cannot be read"):
        asked_branch(text)


def test_a_branch_is_for_the_task_of_its_picture() -> None:
    branch = asked_branch(branch_at(recipe_of(), ID, 6))
    branch.check_task("text_to_image")
    with pytest.raises(InvalidRequest, match=r"^stages are those of text_to_image, and this is inpaint; .* tab\.$"):
        branch.check_task("inpaint")
    Branch().check_task("inpaint")
    branch.model_copy(update={"task": ""}).check_task("inpaint")  # remembered from before it was told


def test_no_branch_is_nothing() -> None:
    assert asked_branch("") == asked_branch(None) == Branch()
    assert written_branch(()) == written_branch(None) == written_branch([{"until": "soon"}]) == ""


def test_what_cannot_be_branched_says_why() -> None:
    assert why_not(recipe_of()) == ""
    assert "recipe is not" in why_not(None)
    assert "several passes" in why_not(recipe_of(hires_scale=2.0))
    inpainted = recipe_of().model_copy(update={"task": "inpaint"})
    assert "its mask" not in why_not(inpainted) and "is not kept" in why_not(inpainted, ["image"])
    assert why_not(inpainted, ["image", "mask_image"]) == ""
    assert steps_of(recipe_of(num_inference_steps=9)) == 9


def test_strips_are_kept_within_their_bound() -> None:
    strips = StepStrips(100)
    strips.keep("a", {1: b"x" * 30, 2: b"y" * 30})
    strips.keep("b", {1: b"z" * 30})
    assert strips.of("a")[2] == b"y" * 30
    strips.keep("c", {1: b"w" * 20})
    assert (dict(strips.of("b")), len(strips.of("a"))) == ({}, 2), "what was looked at last stays"
    strips.keep("a", {1: b"v"})
    strips.keep("d", {1: b"u" * 79})
    assert set(strips.of("a")) == {1} and strips.of("d")
    strips.keep("e", {1: b"t" * 101})
    assert not strips.of("e")
