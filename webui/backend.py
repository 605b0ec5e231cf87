"""What the page needs from whatever makes the pictures: this process, or a worker somewhere else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from pipelines.events import GenerationEvent
from pipelines.models import ModelInfo
from pipelines.request import GenerationRequest


class Backend(Protocol):
    """Anything that makes pictures; :class:`pipelines.manager.PipelineManager` is the nearest one."""

    def models(self) -> list[ModelInfo]:
        """Lists what a request's ``model`` can name, the starter first."""

    def status(self) -> str:
        """One short sentence on what it is doing."""

    def generate(self, request: GenerationRequest) -> Iterator[GenerationEvent]:
        """Makes the pictures of a request and reports each step; closing the iterator cancels.

        It may take two more arguments by name, as the manager does, which the queue then gives: ``owner: str``, on
        whose behalf, and ``control: pipelines.control.Control``, through which it hears of skips and pauses.
        """

    def warm_up(self) -> None:
        """Does ahead of the first picture what would make it late."""

    def close(self) -> None:
        """Stops every running picture; the back end is not used afterwards."""
