"""Going on from a step of a picture with other words, beside the time that its remaining steps took the first time."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import Final

from pipelines.events import StepCompleted
from pipelines.manager import PipelineManager
from pipelines.request import TextToImageRequest
from tests.benchmarks.figures import Figure, Result, Spread
from tests.benchmarks.pictures import PROMPTS, opened

BAR: Final = 1.1


@dataclass(frozen=True)
class Settings:
    """How much is measured: rounds after a warm-up, steps of a picture, and the steps at which branches begin."""

    rounds: int = 15
    steps: int = 20
    at: tuple[int, ...] = (5, 10, 15)


FULL, QUICK = Settings(), Settings(rounds=5)


def measure(settings: Settings) -> Result:
    """Makes a picture with previews, as the page does, and its branches, in turns; each round has a seed of its own."""
    with opened(previews=True) as manager:
        list(manager.generate(_request(settings, 0)))
        rounds = [_round(manager, settings, seed) for seed in range(1, settings.rounds + 1)]
    figures = []
    for step in settings.at:
        ratios = [branches[step] / remaining[step] for remaining, branches in rounds]
        figures.append(
            Figure(
                f"a branch at step {step} of {settings.steps} ÷ the remaining steps of its picture",
                statistics.median(ratios),
                at_most=BAR,
                spread=Spread.of(ratios),
                note=f"{len(ratios)} rounds",
            )
        )
    return Result(tuple(figures), {"branch_seconds": Spread.of([one for _, all_ in rounds for one in all_.values()])})


def _round(manager: PipelineManager, settings: Settings, seed: int) -> tuple[dict[int, float], dict[int, float]]:
    """Seconds from each step of a picture to its end, and seconds of the whole branch at each."""
    reached = {}
    for event in manager.generate(_request(settings, seed)):
        if isinstance(event, StepCompleted):
            reached[event.step] = time.perf_counter()
    end = time.perf_counter()
    branches = {}
    for step in settings.at:
        before = time.perf_counter()
        list(manager.generate(_request(settings, seed, step)))
        branches[step] = time.perf_counter() - before
    return {step: end - reached[step] for step in settings.at}, branches


def _request(settings: Settings, seed: int, step: int | None = None) -> TextToImageRequest:
    first = {"prompt": PROMPTS[0], "guidance_scale": 2.0}
    stages = [] if step is None else [first | {"until": step}]
    asked = first | ({} if step is None else {"prompt": PROMPTS[1]})
    return TextToImageRequest(
        **asked, seed=seed, num_inference_steps=settings.steps, width=128, height=128, stages=stages
    )
