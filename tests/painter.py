"""A back end that paints noise step by step and heeds a control as the engine does, at the pace a test likes."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PIL import Image

from pipelines.control import Control
from pipelines.events import (
    GenerationEvent,
    GenerationFinished,
    GenerationStarted,
    ImageFinished,
    ImageSkipped,
    StepCompleted,
)
from pipelines.request import GenerationRequest

PATIENCE = 20.0
"""Seconds after which a test gives up on something that should have happened at once."""


@dataclass(frozen=True)
class Asked:
    """One call of ``generate``."""

    prompt: str
    seed: int
    count: int
    owner: str


class Painter:
    """All pictures of a request come a step further together; each step of a held painter waits for :meth:`allow`."""

    def __init__(self, *, held: bool = False, total_steps: int = 3) -> None:
        self.total_steps = total_steps
        self.asked: list[Asked] = []
        self.closed: list[str] = []
        self.stepped: list[str] = []
        self.fail: Callable[[GenerationRequest, int], None] = lambda request, step: None
        self._held = held
        self._gate = threading.Condition()
        self._allowed: Counter[str] = Counter()

    def allow(self, prompt: str, steps: int = 1000) -> None:
        """Lets the request with that prompt come so many steps further."""
        with self._gate:
            self._allowed[prompt] += steps
            self._gate.notify_all()

    def let_go(self) -> None:
        """Holds nothing any more."""
        with self._gate:
            self._held = False
            self._gate.notify_all()

    def generate(
        self, request: GenerationRequest, *, owner: str = "", control: Control | None = None
    ) -> Iterator[GenerationEvent]:
        control = control or Control()
        self.asked.append(Asked(request.prompt, request.seed, request.num_images_per_prompt, owner))
        try:
            control.follow(self._wake)
            pending = set(range(request.num_images_per_prompt))
            yield GenerationStarted(tuple(request.seed + index for index in pending), self.total_steps)
            step = 0
            while pending:
                for index in sorted(pending & control.skipped):
                    pending.discard(index)
                    yield ImageSkipped(index)
                if not pending or not self._wait_for_step(request.prompt, control, pending):
                    continue
                step += 1
                self.fail(request, step)
                self.stepped.append(request.prompt)
                for index in sorted(pending):
                    yield StepCompleted(step, self.total_steps, f"preview {index}.{step}".encode(), index)
                    if step == self.total_steps:
                        pending.discard(index)
                        yield ImageFinished(index, painted(request.seed + index), request.seed + index)
            yield GenerationFinished(0.1)
        finally:
            self.closed.append(request.prompt)

    def _wake(self) -> None:
        with self._gate:
            self._gate.notify_all()

    def _wait_for_step(self, prompt: str, control: Control, pending: set[int]) -> bool:
        """Waits for leave to step, or for a skip, which it tells by False."""

        def ready() -> bool:
            may_step = not control.paused and (not self._held or self._allowed[prompt] > 0)
            return may_step or bool(pending & control.skipped)

        with self._gate:
            assert self._gate.wait_for(ready, PATIENCE), f"nobody let {prompt!r} go on"
            if pending & control.skipped:
                return False
            self._allowed[prompt] -= 1
            return True


class PlainPainter:
    """A painter that takes neither an owner nor a control, as a simple back end of somebody's own."""

    def __init__(self, painter: Painter) -> None:
        self._painter = painter

    def generate(self, request: GenerationRequest) -> Iterator[GenerationEvent]:
        return self._painter.generate(request)


def painted(seed: int) -> Image.Image:
    """The picture of a seed: always the same, and nobody else's."""
    return Image.frombytes("RGB", (64, 64), random.Random(seed).randbytes(64 * 64 * 3))
