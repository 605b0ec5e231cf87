"""What a request says of how the picture was steered before: a branch goes on from a step of another picture."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from typing_extensions import Self

from .larger_rules import wants_hires, wants_tiles
from .request_core import LARGEST_PROMPT

MOST_STAGES: Final = 16

LATEST_STEP: Final = 1000


class Stage(BaseModel):
    """Words and guidance that hold for the first steps of a picture.

    Attributes:
        until: The step before which they hold, 1 … 1000, counted as ``StepCompleted`` counts: a picture branched
            after its seventh step has 7.
        prompt: What was asked for until then.
        negative_prompt: What was avoided.
        guidance_scale: How closely the picture followed, 1 … 30.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    until: Annotated[int, Field(ge=1, le=LATEST_STEP)]
    prompt: Annotated[str, Field(min_length=1, max_length=LARGEST_PROMPT)]
    negative_prompt: Annotated[str, Field(max_length=LARGEST_PROMPT)] = ""
    guidance_scale: Annotated[float, Field(ge=1.0, le=30.0, allow_inf_nan=False)] = 2.0


class StageFields(BaseModel):
    """How a picture was steered before.

    Attributes:
        stages: Each holds until its step, one after the other; the request's own prompt, negative prompt and guidance
            hold from the last one's on. Everything else holds for the whole picture. Empty = no branch. At most 16.
    """

    stages: tuple[Stage, ...] = ()

    @field_validator("stages")
    @classmethod
    def _in_order(cls, stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
        if len(stages) > MOST_STAGES:
            raise ValueError(f"stages has {len(stages)} branches, one upon the other; {MOST_STAGES} are the most.")
        steps = [stage.until for stage in stages]
        if steps != sorted(set(steps)):
            raise ValueError(f"stages has the steps {steps}; each must be later than the one before.")
        return stages

    @model_validator(mode="after")
    def _one_pass_alike(self) -> Self:
        request: Any = self
        if not self.stages:
            return self
        guided = {stage.guidance_scale > 1 for stage in self.stages} | {request.guidance_scale > 1}
        if len(guided) > 1:
            raise ValueError(
                f"guidance_scale is {request.guidance_scale:g}, and the picture was begun with "
                f"{self.stages[0].guidance_scale:g}; guidance can be turned up or down on the way, but not on or off."
            )
        others = {"hires_scale": wants_hires(request), "tile_scale": wants_tiles(request), "refiner": request.refiner}
        for name, wanted in others.items():
            if wanted:
                value = getattr(request, name)
                raise ValueError(f"{name} is {value!r}, and a branch is painted in one pass; leave one of the two out.")
        return self
