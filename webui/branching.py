"""Branching: from a step of a finished picture the form goes on, with what was done before written into it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipelines.errors import InvalidRequest
from pipelines.request_stages import Stage

if TYPE_CHECKING:
    from .library.recipe import Recipe

NO_BRANCH: Final = ""

BRANCH: Final = "branch"
"""What the library calls the step from a picture to its branch."""

NOT_KEPT: Final = "the picture or mask it began with is not kept; Reverie keeps those of new pictures only."
"""Of pictures from before that was so, or whose parent was removed for good."""

LONGEST: Final = 1_000_000
"""Characters; sixteen stages with two prompts of the greatest length each fit."""


class Branch(BaseModel):
    """What the form holds of a branch.

    Attributes:
        start: The picture that it goes on from; empty where it came with a recipe.
        task: Of the picture; empty where that is not known.
        stages: What was done before.
    """

    model_config = ConfigDict(extra="forbid")

    start: Annotated[str, Field(pattern=r"^([0-9a-f]{32})?$")] = ""
    task: Annotated[str, Field(max_length=40)] = ""
    stages: tuple[Stage, ...] = ()

    def check_task(self, task: str) -> None:
        """Refuses a branch for another task than its picture's.

        Raises:
            InvalidRequest: It is of another.
        """
        if self.stages and self.task and self.task != task:
            raise InvalidRequest(
                "stages",
                f"stages are those of {self.task}, and this is {task}; "
                "end the branch with the × beside Dream, or go back to its tab.",
            )


def asked_branch(text: object) -> Branch:
    """Reads what the form holds.

    Args:
        text: JSON, or nothing.

    Raises:
        InvalidRequest: It cannot be read.
    """
    if not text:
        return Branch()
    try:
        if len(str(text)) > LONGEST:
            raise ValueError
        return Branch.model_validate_json(str(text))
    except ValueError:
        sentence = "stages cannot be read; end the branch with the × beside Dream, and begin it again."
        raise InvalidRequest("stages", sentence) from None


def written_branch(stages: object, start: str = "", task: str = "") -> str:
    """Writes stages, as a request or a recipe has them, for the form; nothing where they are none, or damaged.

    Args:
        stages: The request's.
        start: Id of the picture that the branch goes on from.
        task: Of that picture.
    """
    try:
        branch = Branch.model_validate({"start": start, "task": task, "stages": stages or ()})
    except ValidationError:
        return NO_BRANCH
    return branch.model_dump_json() if branch.stages else NO_BRANCH


def branch_at(recipe: Recipe, picture_id: str, step: int) -> str:
    """What the form holds to go on from a step of a picture.

    Args:
        recipe: The picture's.
        picture_id: The library's.
        step: Steps done, at least 1; the branch's own words begin with the next.
    """
    told: Mapping[str, Any] = recipe.request
    earlier = asked_branch(written_branch(told.get("stages"))).stages
    kept = [stage.model_dump() for stage in earlier if stage.until < step]
    cut = next((stage.model_dump() for stage in earlier if stage.until >= step), None)
    source = told if cut is None else cut
    names = ("prompt", "negative_prompt", "guidance_scale")
    last = {name: source[name] for name in names if name in source} | {"until": step}
    return written_branch([*kept, last], picture_id, recipe.task)


def why_not(recipe: Recipe | None, kept: Collection[str] = ()) -> str:
    """Why a picture cannot be branched, as a sentence; empty where it can.

    Args:
        recipe: The picture's.
        kept: The request fields of which the library has the picture: ``image``, ``mask_image``.
    """
    if recipe is None:
        return "Its recipe is not in the library, so there is nothing to go on from."
    told: Mapping[str, Any] = recipe.request
    if recipe.task == "inpaint" and not {"image", "mask_image"} <= set(kept):
        return f"This inpainted picture cannot be branched: {NOT_KEPT}"
    larger = told.get("hires_scale", 1) != 1 or told.get("hires_width") is not None or told.get("tile_scale", 1) != 1
    if larger or told.get("refiner"):
        return "A picture made in several passes cannot be branched; make it in one first."
    return ""


def steps_of(recipe: Recipe) -> int:
    """About how many steps a picture took; the sampler knows better."""
    told: Mapping[str, Any] = recipe.request
    steps = int(told.get("num_inference_steps") or 0)
    shorter = recipe.task == "image_to_image" and not told.get("exact_steps")
    return max(1, int(steps * float(told.get("strength") or 1))) if shorter else steps
