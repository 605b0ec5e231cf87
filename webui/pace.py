"""How long a job has been at work, and how long it still will be; standing still does not count."""

from __future__ import annotations

import time


class Pace:
    """The times of one job; its lock guards it.

    Attributes:
        painting: Whether pictures have been begun, and more is going on than loading.
        ended: Whether it is over.
    """

    def __init__(self) -> None:
        self.painting = self.ended = False
        self._began: float | None = None
        self._painting_since = self._last_step = self._over = 0.0
        self._steps = 0
        self._stood, self._halted = 0.0, 0.0

    @property
    def begun(self) -> bool:
        """Whether the job has left the waiting ones."""
        return self._began is not None

    @property
    def seconds(self) -> float:
        """Time at work so far, or in all."""
        if self._began is None:
            return 0.0
        return (self._over if self.ended else self._now()) - self._began

    def begin(self) -> None:
        """The job has left the waiting ones."""
        self._began = self._now()

    def paint(self) -> None:
        """All is loaded, and the first step under way."""
        if not self.painting:
            self.painting, self._painting_since = True, self._now()

    def step(self) -> None:
        """One step of one picture is done."""
        self._last_step, self._steps = self._now(), self._steps + 1

    def halt(self) -> None:
        """It stands still from now on."""
        self._halted = self._halted or time.monotonic()

    def go(self) -> None:
        """It goes on from where it stands."""
        if self._halted:
            self._stood, self._halted = self._stood + time.monotonic() - self._halted, 0.0

    def end(self) -> None:
        """It is over."""
        self._over, self.ended = self._now(), True

    def eta(self, steps_left: int) -> float | None:
        """Seconds for so many more steps of pictures; None while nothing is known."""
        if not self._steps or self.ended:
            return None
        per_step = (self._last_step - self._painting_since) / self._steps
        return max(0.0, per_step * steps_left - (self._now() - self._last_step))

    def _now(self) -> float:
        return (self._halted or time.monotonic()) - self._stood
