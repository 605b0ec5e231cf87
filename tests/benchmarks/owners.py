"""Eight owners at once: how soon the last sees something, how fairly all are served, and what it costs."""

from __future__ import annotations

import itertools
import statistics
import time
from dataclasses import dataclass
from typing import Final

import torch

from pipelines.request import TextToImageRequest
from tests.benchmarks.figures import Figure, Result, Spread
from tests.benchmarks.pictures import PROMPTS, forget_results, listen, load, opened, pixels_of
from tests.benchmarks.rounds import ratio, take_turns
from tests.benchmarks.scripted import steps_served
from tests.benchmarks.together import Gathering, jain, paint_together, served_while_all_run

BAR_FIRST_PREVIEW: Final = 2.0
BAR_JAIN: Final = 0.98
BAR_THROUGHPUT: Final = 0.95


@dataclass(frozen=True)
class Settings:
    """How much is measured.

    Attributes:
        rounds: Eight pictures at once and eight one after the other, after a warm-up.
        owners: How many ask at the same moment.
        steps: Of each picture.
        size: Side of each picture in pixels; None = native.
        scripted_steps: Steps of the run in which a network that does nothing shows whose turn it is.
    """

    rounds: int = 11
    owners: int = 8
    steps: int = 20
    size: int | None = None
    scripted_steps: int = 60


FULL, QUICK = Settings(), Settings(rounds=5)


def measure(settings: Settings) -> Result:
    """Times a gathering and the same requests in single file, in turns."""
    requests = [
        TextToImageRequest(
            prompt=PROMPTS[number % len(PROMPTS)],
            seed=number,
            num_inference_steps=settings.steps,
            width=settings.size,
            height=settings.size,
        )
        for number in range(settings.owners)
    ]
    calls: list[tuple[float, int]] = []

    def note(sample: torch.Tensor) -> None:
        calls.append((time.perf_counter(), sample.shape[0] // 2))

    with opened() as manager, listen(load(manager).components["unet"], note):

        def together() -> tuple[Gathering, list[tuple[float, int]]]:
            forget_results(manager)
            calls.clear()
            return paint_together(manager, requests), list(calls)

        def one_at_a_time() -> None:
            forget_results(manager)
            for request in requests:
                pixels_of(manager.generate(request))

        turns = take_turns({"together": together, "one at a time": one_at_a_time}, settings.rounds)
    gatherings = [turn.result for turn in turns["together"]]
    waits = [wait_for_the_last(gathering, seen, settings.owners) for gathering, seen in gatherings]
    first, fairness = Spread.of([wait.steps for wait in waits]), Spread.of([_fairness(one) for one, _ in gatherings])
    throughput = ratio(turns["one at a time"], turns["together"])
    scripted = {
        "as many as fit a step": (8, [1] * settings.owners),
        "room for three": (3, [1] * settings.owners),
        "one asks for four": (4, [4] + [1] * (settings.owners - 1)),
    }
    turns_taken = {
        name: round(jain(steps_served(room, wishes, settings.scripted_steps)), 4)
        for name, (room, wishes) in scripted.items()
    }
    return Result(
        (
            Figure(
                f"last of {settings.owners} owners' first preview",
                first.median,
                "shared steps",
                at_most=BAR_FIRST_PREVIEW,
                spread=first,
                note="time from the click of all, prompts encoded anew, ÷ time of a step with all in it",
            ),
            Figure("Jain's index of steps served", fairness.lowest, at_least=BAR_JAIN, spread=fairness),
            Figure(
                "Jain's index, scripted engine",
                min(turns_taken.values()),
                at_least=BAR_JAIN,
                note="a network that does nothing; the lowest of: all fit a step, room for three, one asks for four",
            ),
            Figure(
                "pictures per second ÷ one at a time", throughput.median, at_least=BAR_THROUGHPUT, spread=throughput
            ),
        ),
        {
            "network_calls_until_the_last_first_preview": Spread.of([wait.calls for wait in waits]),
            "first_preview_milliseconds": Spread.of([wait.seconds * 1000 for wait in waits]),
            "shared_step_milliseconds": Spread.of([wait.seconds / wait.steps * 1000 for wait in waits]),
            "batches_of_the_last_round": [pictures for _, pictures in gatherings[-1][1]],
            "scripted": turns_taken,
        },
    )


@dataclass(frozen=True)
class Wait:
    """From the click to the last owner's first preview: seconds, the same in shared steps, and network calls."""

    seconds: float
    steps: float
    calls: int


def wait_for_the_last(gathering: Gathering, calls: list[tuple[float, int]], owners: int) -> Wait:
    """Measures the wait against the median step that all owners shared, or the largest company that there was."""
    seen = max(track.first_preview or gathering.ended for track in gathering.tracks)
    fullest = min(owners, max(pictures for _, pictures in calls))
    shared = [later - when for (when, pictures), (later, _) in itertools.pairwise(calls) if pictures == fullest]
    step = statistics.median(shared) if shared else gathering.ended - gathering.began
    wait = seen - gathering.began
    return Wait(wait, wait / step, sum(when < seen for when, _ in calls))


def _fairness(gathering: Gathering) -> float:
    return jain(served_while_all_run(gathering.tracks))
