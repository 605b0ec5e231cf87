"""Finds how many threads train fastest right now, while others may be using the same cores."""

from __future__ import annotations

import os
import statistics
import time

import torch

ROUND = 60  # steps between two trials
TRIAL = 5  # steps a trial takes


def _usable() -> int:
    """Returns how many cores this process may use, which can be fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Pace:
    """Times steps and now and then tries the other thread counts; the fastest stays until the next trial.

    Two threads on two busy cores wait for each other and are slower than one; on idle cores they are faster.
    """

    def __init__(self, cores: int | None = None) -> None:
        most = cores or _usable()
        self._choices = sorted({1, max(1, most // 2), most})
        self._took: dict[int, list[float]] = {}
        self._count = 0
        self._began = 0.0

    def before(self) -> None:
        """Call before a step: sets the number of threads for it."""
        place = self._count % ROUND
        if place < TRIAL * len(self._choices):
            torch.set_num_threads(self._choices[place // TRIAL])
            if place % TRIAL == 0:
                self._took[self._choices[place // TRIAL]] = []
        elif place == TRIAL * len(self._choices):
            torch.set_num_threads(min(self._took, key=lambda threads: statistics.median(self._took[threads])))
        self._began = time.perf_counter()

    def after(self) -> None:
        """Call after a step: takes its time."""
        threads = torch.get_num_threads()
        if self._count % ROUND < TRIAL * len(self._choices) and self._count % TRIAL:
            self._took[threads].append(time.perf_counter() - self._began)
        self._count += 1
