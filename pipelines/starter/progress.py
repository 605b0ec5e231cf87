"""A stage of training against the clock: how far it is, what it reports, and how it goes on after a stop."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from pipelines.starter.pace import Pace

logger = logging.getLogger(__name__)


class Course:
    """One stage with a time budget; time spent before a stop counts.

    Attributes:
        name: The stage's name, for the log.
        step: How many steps have been taken.
        history: Smoothed losses by step, as (minutes, step, loss).
    """

    def __init__(self, name: str, minutes: float, path: Path) -> None:
        self.name = name
        self.step = 0
        self.history: list[tuple[float, int, float]] = []
        self._budget = minutes * 60
        self._path = path
        self._spent = 0.0
        self._since = time.monotonic()
        self._loss: float | None = None
        self._reported = self._saved = self._since

    @property
    def spent(self) -> float:
        """Returns the seconds spent, those before a stop included."""
        return self._spent + time.monotonic() - self._since

    @property
    def done(self) -> float:
        """Returns the share of the budget that is spent, 0 to 1."""
        return min(1.0, self.spent / self._budget) if self._budget > 0 else 1.0

    def rate(self, peak: float, warmup: int = 60, floor: float = 0.02) -> float:
        """Returns the learning rate now: a short linear warm-up, then half a cosine down to the deadline."""
        wave = floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * self.done))
        return peak * wave * min(1.0, (self.step + 1) / warmup)

    def steps(self) -> Iterator[float]:
        """Yields the share done until the time is spent, at least twice in all."""
        pace = Pace()
        while self.done < 1.0 or self.step < 2:
            pace.before()
            yield self.done
            pace.after()
            self.step += 1

    def report(self, loss: float, every: float = 20.0) -> None:
        """Takes note of a step's loss and now and then logs how far the stage is."""
        self._loss = loss if self._loss is None else 0.97 * self._loss + 0.03 * loss
        now = time.monotonic()
        if self.step == 0 or now - self._reported > every:
            self._reported = now
            self.history.append((self.spent / 60, self.step, self._loss))
            left = max(0.0, self._budget - self.spent) / 60
            logger.info(
                "%s: step %d, loss %.4f, %.1f min left, %d threads",
                *(self.name, self.step, self._loss, left, torch.get_num_threads()),
            )

    def due(self, every: float) -> bool:
        """Says whether the last checkpoint is older than this many seconds, and if so counts from now."""
        if time.monotonic() - self._saved < every:
            return False
        self._saved = time.monotonic()
        return True

    def save(self, state: dict[str, Any], *, finished: bool = False) -> None:
        """Writes a checkpoint; a reader never sees half of one."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_suffix(".part")
        if finished and self._loss is not None:
            self.history.append((self.spent / 60, self.step, self._loss))
        told = {
            "step": self.step,
            "spent": self.spent,
            "budget": self._budget,
            "history": self.history,
            "finished": finished,
        }
        torch.save({**state, "course": told}, part)
        part.replace(self._path)

    def resume(self) -> dict[str, Any] | None:
        """Returns the last checkpoint's state, or None where there is none, and goes on from there."""
        if not self._path.exists():
            return None
        state: dict[str, Any] = torch.load(self._path, map_location="cpu", weights_only=True)
        course = state.pop("course")
        self.step, self._spent = course["step"], course["spent"]
        self.history = [tuple(row) for row in course["history"]]
        if course["finished"] and self._budget <= course.get("budget", self._spent) * 1.01:
            self._spent = max(self._spent, self._budget)  # unless it has been given more time since
        return state
