"""Prompts of a branched picture: one after the other, each for its own steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from .errors import InvalidRequest
from .prompt_encoding import Encoded, takes_weights
from .prompt_steps import StepPrompts, Wanted
from .prompts import Conditioning
from .request import GenerationRequest

T = TypeVar("T")


def holding(stages: Sequence[tuple[int, T]], last: T, done: int) -> T:
    """What holds for the step that follows ``done`` steps.

    Args:
        stages: The step before which each holds, and what holds.
        last: What holds after them.
        done: Steps done.
    """
    return next((value for until, value in stages if done < until), last)


def guidance_after(request: GenerationRequest, done: int) -> float:
    """The guidance for the step that follows ``done`` steps."""
    stages = [(stage.until, stage.guidance_scale) for stage in request.stages]
    return holding(stages, request.guidance_scale, done)


def check_stages(request: GenerationRequest, pipeline: Any) -> None:
    """Refuses a branch that a model cannot paint.

    Args:
        request: What is asked for.
        pipeline: A pipeline of the model.

    Raises:
        InvalidRequest: Its prompts cannot change from step to step.
    """
    if request.stages and not takes_weights(pipeline):
        raise InvalidRequest(
            "stages", "stages is given, and a picture of this model's family cannot be branched; begin a new one."
        )


def check_last_stage(request: GenerationRequest, total: int) -> None:
    """Refuses a branch after the last step.

    Args:
        request: What is asked for.
        total: Steps of the picture.

    Raises:
        InvalidRequest: No step is left for it.
    """
    last = request.stages[-1].until
    if last >= total:
        raise InvalidRequest(
            "stages", f"stages begins a branch after step {last}, and the picture has {total}; choose an earlier step."
        )


def join_stages(stages: Sequence[tuple[int, Conditioning]], last: Conditioning, total: int) -> Conditioning:
    """Puts the prompts of all stages together.

    Args:
        stages: The step before which each holds, and its prompts; at least one.
        last: The prompts that hold after them.
        total: Steps of the picture.
    """
    steps = [_at(holding(stages, last, done), done, total) for done in range(total)]
    negative = [avoided for _, avoided in steps if avoided is not None]
    by_step = StepPrompts([wanted for wanted, _ in steps], negative, total)
    return Conditioning(stages[0][1].arguments, by_step)


def _at(told: Conditioning, done: int, total: int) -> tuple[Wanted, Encoded | None]:
    """What a step asks for, and avoids."""
    if told.by_step is not None:
        return told.by_step.counted_by(lambda: (done, total)).now()
    arguments = told.arguments
    wanted = Encoded(arguments["prompt_embeds"], arguments.get("pooled_prompt_embeds"))
    avoided = arguments.get("negative_prompt_embeds")
    return Wanted((wanted,), (1.0,)), (
        None if avoided is None else Encoded(avoided, arguments.get("negative_pooled_prompt_embeds"))
    )
