"""What the manager costs on top of diffusers: one request through it, and the same one through a bare pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from pipelines.manager import PipelineManager
from pipelines.request import TextToImageRequest
from tests.benchmarks.figures import Figure, Result
from tests.benchmarks.pictures import PROMPTS, Pixels, bare, forget_results, load, one_thread, opened, pixels_of
from tests.benchmarks.rounds import ratio, seconds, take_turns

BAR: Final = 1.02


@dataclass(frozen=True)
class Settings:
    """How much is measured: rounds after a warm-up, steps, and the picture's side in pixels (None = native)."""

    rounds: int = 41
    steps: int = 20
    size: int | None = None


FULL, QUICK = Settings(), Settings(rounds=21)


def measure(settings: Settings) -> Result:
    """Times both in turns, with nothing cached, and compares every picture's bits: ``deterministic``, where both have
    every thread that torch takes, and as usual, where steps as small as the starter's get one, which both have then.
    """
    with opened(previews=False) as manager:
        exact, exact_seconds = _compared(manager, settings, deterministic=True)
    with one_thread(), opened(previews=False) as manager:
        usual, usual_seconds = _compared(manager, settings, deterministic=False)
    return Result((*exact, *usual), {"deterministic": exact_seconds, "on_one_thread": usual_seconds})


def _compared(
    manager: PipelineManager, settings: Settings, *, deterministic: bool
) -> tuple[tuple[Figure, Figure], dict[str, Any]]:
    request = TextToImageRequest(
        prompt=PROMPTS[0],
        negative_prompt="blurry",
        seed=7,
        num_inference_steps=settings.steps,
        width=settings.size,
        height=settings.size,
        deterministic=deterministic,
    )
    bare_picture = bare(load(manager), request)

    def through_the_manager() -> Pixels:
        forget_results(manager)  # the bare pipeline encodes the prompt each time, too
        return pixels_of(manager.generate(request))[0]

    turns = take_turns({"bare": bare_picture, "manager": through_the_manager}, settings.rounds)
    reference = turns["bare"][0].result
    strange = sum(not np.array_equal(turn.result, reference) for one in turns.values() for turn in one)
    spread, alone, managed = ratio(turns["manager"], turns["bare"]), seconds(turns["bare"]), seconds(turns["manager"])
    how = "deterministic" if deterministic else "one thread each"
    figures = (
        Figure(f"manager ÷ bare pipe(...), {how}", spread.median, at_most=BAR, spread=spread),
        Figure(f"pictures that differ in any bit, {how}", strange, f"of {2 * settings.rounds}", at_most=0),
    )
    added = round((managed.median - alone.median) * 1000 / settings.steps, 3)
    return figures, {"bare_seconds": alone, "manager_seconds": managed, "added_milliseconds_per_step": added}
