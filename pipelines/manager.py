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
from .extras import ExtraFile
from .hub import Hub
from .models import STARTER_ID, Catalogue, ModelInfo
from .plans import Machine, Plan, Wishes
from .refiner_rules import check_refiner, wants_refiner
from .request import GenerationRequest

if TYPE_CHECKING:
    from .kept_models import KeptState
    from .workshop import Workshop


class PipelineManager:
    """Makes pictures from requests; safe to use from many threads.

    Args:
        models_dirs: Folders with models in diffusers' layout; the starter model is always there.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        previews: Whether steps carry a preview of the clean guess; ``fine`` = by the small decoder in the model's
            folder ``taesd``, where it has one.
        wishes: What is wanted otherwise than the program would choose for this machine.
        hub: Where models are taken from that a request names by their Hub id; None = nowhere, no such model is known.

    Raises:
        ModelError: One of ``models_dirs`` is no folder.
    """

    def __init__(
        self,
        models_dirs: Sequence[str | Path] = (),
        *,
        device: str = "auto",
        previews: bool | Literal["fine"] = True,
        wishes: Wishes = Wishes(),  # noqa: B008 - frozen
        hub: Hub | None = Hub(),  # noqa: B008 - looks at nothing until it is asked
    ) -> None:
        self._catalogue = Catalogue(models_dirs, hub=hub)
        self._device, self._wishes = device, wishes
        self._previews: bool | Literal["fine"] = previews
        self._opening = threading.Lock()
        self._workshop: Workshop | None = None
        self._status = "Starting…"

    @property
    def catalogue(self) -> Catalogue:
        """What there is: models, what cannot be used and why, LoRAs, embeddings, VAEs."""
        return self._catalogue

    def models(self) -> list[ModelInfo]:
        """Lists what a request's ``model`` can name, the starter first; found without loading."""
        return self._catalogue.models()

    def status(self) -> str:
        """One short sentence on what the manager is doing, for the page's top bar; waiting ends with an ellipsis."""
        loading = next((one for one in self.kept() if one.loading is not None), None)
        if loading is None or loading.loading is None:
            return self._status
        return f"Loading {loading.id}, {loading.loading:.0%}…"

    def kept(self) -> list[KeptState]:
        """What is in memory, or on its way there."""
        return [] if self._workshop is None else self._workshop.kept.states()

    def plan(self, info: ModelInfo) -> Plan | None:
        """How a model is run, or would be if it were loaded now; None before torch is here, or what it is like."""
        if self._workshop is None or not info.tasks:
            return None
        loaded = next((one.model for one in self.kept() if one.id == info.id and one.model is not None), None)
        return loaded.plan if loaded is not None and loaded.plan is not None else self._workshop.plan(info)

    def hardware(self) -> Machine | None:
        """What pictures are made on, measured; None before torch is here."""
        return None if self._workshop is None else self._workshop.machine()

    def budget(self) -> int:
        """Bytes that loaded models may take together, in main memory and on the card."""
        return 0 if self._workshop is None else self._workshop.budget.ram + self._workshop.budget.card

    def unload(self, model_id: str) -> bool:
        """Drops a model that nobody uses; tells whether it is gone from memory."""
        return self._workshop is None or self._workshop.kept.unload(model_id)

    def loras(self) -> list[ExtraFile]:
        """Lists the LoRAs that a request can name."""
        return self._catalogue.loras()

    def vaes(self) -> list[ExtraFile]:
        """Lists the VAE files that a request can name."""
        return self._catalogue.vaes()

    def upscalers(self) -> list[ExtraFile]:
        """Lists the upscaler files that a request can name."""
        return self._catalogue.upscalers()

    def embeddings(self) -> list[ExtraFile]:
        """Lists the learnt words that a prompt can use."""
        return self._catalogue.embeddings()

    def put_away_extras(self) -> None:
        """Puts away the LoRAs and VAEs that no picture uses now; the networks are then what they were before."""
        if self._workshop is not None:
            self._workshop.put_away_extras()

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
        info, refiner = self.check(request)
        run = self._open().run(info, request, owner=owner, control=control, previews=self._previews, refiner=refiner)
        yield from run.events()

    def check(self, request: GenerationRequest) -> tuple[ModelInfo, ModelInfo | None]:
        """Refuses, before anything is loaded, what the request's model cannot do; gives it, and the refiner if any.

        Raises:
            InvalidRequest: The model cannot do the task, or cannot draw with the ``scheduler``.
            ModelError: A model is missing.
        """
        info = self._catalogue.find(request.model)
        if request.task not in info.tasks:
            able = next((other.id for other in self.models() if request.task in other.tasks), STARTER_ID)
            raise InvalidRequest("model", f"model is {info.id!r}, which cannot do {request.task}; choose {able!r}.")
        for name in filter(None, (request.scheduler, getattr(request, "hires_scheduler", None))):
            self._catalogue.family(info).check_scheduler(name)
        refiner = self._catalogue.find(request.refiner) if wants_refiner(request) else None
        if refiner is not None:
            check_refiner(request, info, refiner, self._catalogue.family(info))
        return info, refiner

    def fits(self, requests: Sequence[GenerationRequest]) -> bool:
        """Tells whether requests can be under way together in the memory that is free now; one alone may always try.

        Raises:
            ModelError: The model of one is missing.
        """
        if len(requests) < 2 or self._workshop is None:
            return True
        return self._workshop.fits([(request, self._catalogue.find(request.model)) for request in requests])

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
                from . import (
                    whole_transformers,  # noqa: F401 - before diffusers: a page may be counting tokens
                    workshop,  # torch and diffusers come in here, behind the page
                )

                self._workshop = workshop.Workshop(self._catalogue, self._device, self._wishes)
            return self._workshop
