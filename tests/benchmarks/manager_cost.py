"""What the manager costs on top of diffusers: one request through it, and the same one through a bare pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

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
    """Times both in turns, with nothing cached, and compares every picture's bits.

    Both have one thread, which is what the engine gives steps as small as the starter's, and the quicker way for both.
    """
    request = TextToImageRequest(
        prompt=PROMPTS[0],
        negative_prompt="blurry",
        seed=7,
        num_inference_steps=settings.steps,
        width=settings.size,
        height=settings.size,
    )
    with one_thread(), opened(previews=False) as manager:
        bare_picture = bare(load(manager), request)

        def through_the_manager() -> Pixels:
            forget_results(manager)  # the bare pipeline encodes the prompt each time, too
            return pixels_of(manager.generate(request))[0]

        turns = take_turns({"bare": bare_picture, "manager": through_the_manager}, settings.rounds)
    reference = turns["bare"][0].result
    strange = sum(not np.array_equal(turn.result, reference) for one in turns.values() for turn in one)
    spread, alone, managed = ratio(turns["manager"], turns["bare"]), seconds(turns["bare"]), seconds(turns["manager"])
    return Result(
        (
            Figure("manager ÷ bare pipe(...)", spread.median, at_most=BAR, spread=spread),
            Figure("pictures that differ in any bit", strange, f"of {2 * settings.rounds}", at_most=0),
        ),
        {
            "bare_seconds": alone,
            "manager_seconds": managed,
            "added_milliseconds_per_step": round((managed.median - alone.median) * 1000 / settings.steps, 3),
        },
    )
