"""The pipeline manager: one door to every model and task, for pages, programs and tests alike.

torch is imported when the first picture is asked for, or by :meth:`PipelineManager.warm_up`; making a manager and
listing its models is quick.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .control import Control
from .errors import InvalidRequest, ReverieError
from .events import GenerationEvent
from .models import STARTER_ID, Catalogue, ModelInfo
from .request import GenerationRequest

if TYPE_CHECKING:
    from .workshop import Workshop


class PipelineManager:
    """Makes pictures from requests; safe to use from many threads.

    Args:
        models_dirs: Folders with models in diffusers' layout; the starter model is always there.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        previews: Whether steps carry a preview of the clean guess; ``fine`` = by the small decoder in the model's
            folder ``taesd``, where it has one.

    Raises:
        ModelError: One of ``models_dirs`` is no folder.
    """

    def __init__(
        self,
        models_dirs: Sequence[str | Path] = (),
        *,
        device: str = "auto",
        previews: bool | Literal["fine"] = True,
    ) -> None:
        self._catalogue = Catalogue(models_dirs)
        self._device = device
        self._previews: bool | Literal["fine"] = previews
        self._opening = threading.Lock()
        self._workshop: Workshop | None = None
        self._status = "Starting…"

    def models(self) -> list[ModelInfo]:
        """Lists what a request's ``model`` can name, the starter first; found without loading."""
        return self._catalogue.models()

    def status(self) -> str:
        """One short sentence on what the manager is doing, for the page's top bar."""
        return self._status

    def generate(
        self, request: GenerationRequest, *, owner: str = "", control: Control | None = None
    ) -> Iterator[GenerationEvent]:
        """Makes the pictures of a request and reports each step on the way.

        Closing the iterator cancels before the next step and returns at once. Several may run at the same time:
        they share the network by the step, and owners are served in turn.

        Args:
            request: What to make.
            owner: On whose behalf, for fairness.
            control: Lets the caller skip pictures, pause and resume.

        Yields:
            ``GenerationStarted``, then ``StepCompleted`` and ``ImageFinished`` as they happen, ``GenerationFinished``.

        Raises:
            InvalidRequest: The model cannot do the task, or cannot draw with the ``scheduler``.
            ModelError: The model is missing or cannot be loaded.
            GenerationError: The picture could not be made.
        """
        info = self._catalogue.find(request.model)
        if request.task not in info.tasks:
            able = next((other.id for other in self.models() if request.task in other.tasks), STARTER_ID)
            raise InvalidRequest("model", f"model is {info.id!r}, which cannot do {request.task}; choose {able!r}.")
        self._catalogue.family(info).check_scheduler(request.scheduler)
        run = self._open().run(info, request, owner=owner, control=control, previews=self._previews)
        yield from run.events()

    def fits(self, requests: Sequence[GenerationRequest]) -> bool:
        """Tells whether requests can be under way together in the memory that is free now; one alone may always try.

        Raises:
            ModelError: The model of one is missing.
        """
        if len(requests) < 2 or self._workshop is None:
            return True
        native = [self._catalogue.find(request.model).native_size for request in requests]
        return self._workshop.fits([(request, size) for request, size in zip(requests, native, strict=True)])

    def warm_up(self) -> None:
        """Imports torch and loads the starter model, so that the first picture starts at once."""
        try:
            self._status = "Loading the starter model…"
            workshop = self._open()
            workshop.load(self._catalogue.find(STARTER_ID))
            self._status = f"Ready on {workshop.device_name}"
        except ReverieError as error:
            self._status = str(error)
            raise

    def close(self) -> None:
        """Stops every running picture and ends the engine; the manager is not used afterwards."""
        with self._opening:
            if self._workshop is not None:
                self._workshop.close()

    def _open(self) -> Workshop:
        with self._opening:
            if self._workshop is None:
                from .workshop import Workshop  # torch and diffusers come in here, behind the page

                self._workshop = Workshop(self._catalogue, self._device)
            return self._workshop
