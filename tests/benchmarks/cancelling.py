"""Cancelling at random moments: how many steps are still run, and whether anything stays behind."""

from __future__ import annotations

import itertools
import random
import statistics
import threading
import time
from dataclasses import dataclass
from typing import Final

import torch

from pipelines.events import GenerationFinished, StepCompleted
from pipelines.manager import PipelineManager
from pipelines.request import TextToImageRequest
from tests.benchmarks.figures import Figure, Result, Spread
from tests.benchmarks.pictures import PROMPTS, listen, load, opened, pixels_of

BAR_STEPS: Final = 2
PATIENCE_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Settings:
    """How much is tried: cancellations, steps of each picture, and its height in pixels."""

    count: int = 200
    steps: int = 20
    size: int = 64


FULL, QUICK = Settings(), Settings()


class Steps:
    """Notes when a step of which picture begins; pictures are told apart by their width."""

    def __init__(self) -> None:
        self.begun: list[tuple[int, float]] = []

    def __call__(self, sample: torch.Tensor) -> None:
        self.begun.append((sample.shape[-1], time.perf_counter()))

    def after(self, moment: float, width: int) -> int:
        """Counts the steps of pictures of that width which began later than ``moment``."""
        return sum(one == width and when > moment for one, when in self.begun)


def measure(settings: Settings) -> Result:
    """Cancels one picture after the other, each anywhere from its beginning to its end; the next begins at once."""
    chance = random.Random(settings.count)
    late: list[int] = []
    stopped_within: list[float] = []
    steps = Steps()
    with opened() as manager, listen(load(manager).components["unet"], steps):
        step_seconds = _step_seconds(manager, settings, steps)
        threads_before = threading.active_count()
        previous: tuple[float, int] | None = None
        for number in range(settings.count):
            width = settings.size + 8 * (number % 2)
            moment = cancel_somewhere(manager, settings, width, chance, step_seconds)
            if previous is not None:
                late.append(steps.after(*previous))
            previous = (moment, width // 8)
            if number % 10 == 0:  # now and then nothing follows
                stopped_within.append(1000 * _wait_until_idle(threads_before, moment))
        _wait_until_idle(threads_before, time.perf_counter())
        late.append(steps.after(*previous) if previous else 0)
        leaked = threading.active_count() - threads_before
        whole = len(pixels_of(manager.generate(_request(settings, settings.size, 1))))
    return Result(
        (
            Figure(
                f"steps begun after a cancel, worst of {settings.count}",
                max(late),
                "steps",
                at_most=BAR_STEPS,
                spread=Spread.of(late),
            ),
            Figure("threads left behind", leaked, at_most=0),
        ),
        {
            "milliseconds_until_idle": Spread.of(stopped_within),
            "step_milliseconds": round(1000 * step_seconds, 2),
            "pictures_of_the_request_afterwards": whole,
        },
    )


def cancel_somewhere(
    manager: PipelineManager, settings: Settings, width: int, chance: random.Random, step_seconds: float
) -> float:
    """Begins a picture, lets it come to a random point between two of its events, and closes it.

    Returns:
        When it was closed.
    """
    events = manager.generate(_request(settings, width, chance.randrange(2**32)))
    wanted, seen = chance.randrange(settings.steps), 0
    next(events)
    while seen < wanted:
        event = next(events)
        if isinstance(event, GenerationFinished):
            break
        seen += isinstance(event, StepCompleted)
    threading.Event().wait(chance.random() * step_seconds)
    moment = time.perf_counter()
    events.close()  # type: ignore[attr-defined]
    return moment


def _request(settings: Settings, width: int, seed: int) -> TextToImageRequest:
    return TextToImageRequest(
        prompt=PROMPTS[seed % len(PROMPTS)],
        seed=seed,
        num_inference_steps=settings.steps,
        width=width,
        height=settings.size,
    )


def _step_seconds(manager: PipelineManager, settings: Settings, steps: Steps) -> float:
    for seed in (0, 1):  # the first warms up
        steps.begun.clear()
        pixels_of(manager.generate(_request(settings, settings.size, seed)))
    moments = [when for _, when in steps.begun]
    return statistics.median(later - when for when, later in itertools.pairwise(moments))


def _wait_until_idle(threads: int, since: float) -> float:
    """Waits until no thread is left but those that were there before; gives the seconds since ``since``."""
    while threading.active_count() > threads and time.perf_counter() - since < PATIENCE_SECONDS:
        threading.Event().wait(0.0005)
    return time.perf_counter() - since
