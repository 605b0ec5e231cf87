"""Several owners on one manager at the same time, and when each got what."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pipelines.events import GenerationEvent, ImageFinished, StepCompleted
from pipelines.manager import PipelineManager
from pipelines.request import GenerationRequest
from tests.benchmarks.pictures import Pixels


@dataclass
class Track:
    """What one owner saw.

    Attributes:
        owner: Who.
        steps: When each step was reported, by ``time.perf_counter``.
        first_preview: When the first preview came; None where none did.
        pictures: What was painted, in the order of the request.
        error: What went wrong instead.
    """

    owner: str
    steps: list[float] = field(default_factory=list)
    first_preview: float | None = None
    pictures: dict[int, Pixels] = field(default_factory=dict)
    error: BaseException | None = None

    def note(self, event: GenerationEvent) -> None:
        """Adds what has just happened."""
        now = time.perf_counter()
        if isinstance(event, StepCompleted):
            self.steps.append(now)
            if event.preview is not None and self.first_preview is None:
                self.first_preview = now
        elif isinstance(event, ImageFinished):
            self.pictures[event.index] = np.asarray(event.image)


@dataclass
class Gathering:
    """What all of them saw.

    Attributes:
        began: When they asked, all at once.
        ended: When the last had its pictures.
        tracks: One for each request.
    """

    began: float
    ended: float
    tracks: list[Track]


def paint_together(manager: PipelineManager, requests: Sequence[GenerationRequest]) -> Gathering:
    """Hands every request in at the same moment, each for an owner of its own, and waits for all.

    Raises:
        ReverieError: The first that failed.
    """
    tracks = [Track(f"owner-{number}") for number in range(len(requests))]
    ready = threading.Barrier(len(requests) + 1)

    def paint(track: Track, request: GenerationRequest) -> None:
        ready.wait()
        try:
            for event in manager.generate(request, owner=track.owner):
                track.note(event)
        except BaseException as error:  # noqa: BLE001 - raised below, where somebody can see it
            track.error = error

    threads = [threading.Thread(target=paint, args=pair, daemon=True) for pair in zip(tracks, requests, strict=True)]
    for thread in threads:
        thread.start()
    ready.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    for track in tracks:
        if track.error is not None:
            raise track.error
    return Gathering(began, time.perf_counter(), tracks)


def jain(served: Sequence[float]) -> float:
    """Jain's fairness index (Jain, Chiu & Hawe 1984): 1 when all got the same, 1 / n when one got everything."""
    return sum(served) ** 2 / (len(served) * sum(one * one for one in served)) if any(served) else 0.0


def served_while_all_run(tracks: Sequence[Track]) -> list[int]:
    """Steps each was served from when the last began to be served until the first was done."""
    since, until = max(track.steps[0] for track in tracks), min(track.steps[-1] for track in tracks)
    return [sum(since <= when <= until for when in track.steps) for track in tracks]
