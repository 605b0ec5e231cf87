"""Everything that needs torch, behind the manager: the engine, the device, and the models now loaded."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import diffusers
import torch
import transformers

from .caches import TensorCache
from .capacity import bytes_needed, fits, free_bytes
from .card import Card, bytes_of_network
from .control import Control
from .denoiser import Engine
from .drawing import PreviewChoice
from .fitting import Fitter
from .footprints import Footprint, footprint_of
from .framing import size_for
from .kept_models import KeptModels, Progress, Stopped
from .larger_rules import painted_size
from .loading import LoadedModel, choose_device, dtype_for, load_model
from .machine import device_name, measure_machine
from .memory import free_memory, set_aside
from .memory_budget import MemoryBudget
from .models import Catalogue, ModelInfo
from .placing import DENOISERS
from .plans import KEPT_FREE, Machine, Plan, Wishes, plan_for
from .request import GenerationRequest
from .run import Run, pictures_together
from .step_memory import STEP_BYTES
from .upscaling.upscalers import Upscalers

CPU: Final = torch.device("cpu")


class Workshop:
    """The engine and the loaded models, least recently used first out.

    Args:
        catalogue: Where models are found.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        wishes: What is wanted otherwise than the program would choose.

    Attributes:
        device: What pictures are made on.
    """

    def __init__(self, catalogue: Catalogue, device: str = "auto", wishes: Wishes = Wishes()) -> None:  # noqa: B008 - frozen
        _quieten()
        self.device = choose_device(device)
        self._catalogue = catalogue
        self._engine = Engine()
        self._cache = TensorCache()
        self._steps = TensorCache(STEP_BYTES)
        self._engine.make_room = self._make_room
        self._wishes = wishes
        self._card = Card(self.device, lambda: free_bytes(self.device)) if self.device.type == "cuda" else None
        self._footprints: dict[tuple[str, str, int], Footprint] = {}
        self.budget = MemoryBudget.of(measure_machine(self.device), wishes)
        self.kept = KeptModels(
            self._load,
            needed=lambda info: self.plan(info).weight_bytes,
            size=size_of_model,
            fits=self.budget.holds,
            dropped=self._forget,
        )
        self._fitter = Fitter(catalogue, lambda: self.kept.constructing)
        self._upscalers = Upscalers(catalogue, self.device, dtype_for(self.device), lambda: self.kept.constructing)

    @property
    def device_name(self) -> str:
        """The device in a person's words."""
        return device_name(self.device)

    def machine(self) -> Machine:
        """What there is to work with now; what idle models, or those on the card, would give up counts as free."""
        movable = self._card.bytes if self._card is not None else self.kept.idle_bytes()
        return measure_machine(self.device, movable=movable, xformers=self._wishes.attention == "xformers")

    def plan(self, info: ModelInfo) -> Plan:
        """How a model would be run if it were loaded now, and why."""
        family = self._catalogue.family(info)
        key = (info.id, str(info.place), info.size_bytes)
        if key not in self._footprints:
            self._footprints[key] = footprint_of(info, family)
        return plan_for(info, family, self.machine(), self._wishes, self._footprints[key])

    def load(self, info: ModelInfo) -> LoadedModel:
        """Loads a model ahead of its first picture, which it then need not wait for.

        Raises:
            ModelError: It cannot be loaded.
        """
        with self.kept.lend(info) as model:
            return model

    @contextlib.contextmanager
    def _lend(
        self, info: ModelInfo, progress: Progress | None = None, stopped: Stopped | None = None
    ) -> Iterator[LoadedModel]:
        """Lends a model, which is fetched from the Hub before; meanwhile others are loaded and used."""
        with self.kept.lend(self._catalogue.fetch(info, progress, stopped), progress, stopped) as model:
            yield model

    def _load(self, info: ModelInfo, progress: Progress, stopped: Stopped) -> LoadedModel:
        family = self._catalogue.family(info)
        plan = self.plan(info)
        return load_model(info, family, self.device, plan=plan, progress=progress, stopped=stopped, card=self._card)

    def _forget(self, model: LoadedModel) -> None:
        """Lets go of all that belongs to a model that was dropped, and gives its memory back."""
        self._cache.forget(model.key)
        self._steps.forget(model.key)
        if self._card is not None:
            self._card.forget(networks_of(model))
        del model  # the caller has let go of its own already
        free_memory()

    @contextlib.contextmanager
    def _make_room(self) -> Iterator[None]:
        """Forgets cached results and sets all other networks aside while the denoiser works."""
        self._cache.clear()
        self._steps.clear()
        if self._card is not None:  # from where they come back by themselves
            self._card.clear_for_called()
            free_memory()
            yield
            return
        spare = [
            part
            for state in self.kept.states()
            if state.model is not None
            for name, part in state.model.components.items()
            if isinstance(part, torch.nn.Module) and name not in DENOISERS
        ]
        with set_aside(spare):
            yield

    def run(
        self,
        info: ModelInfo,
        request: GenerationRequest,
        *,
        owner: str,
        control: Control | None,
        previews: PreviewChoice,
        refiner: ModelInfo | None = None,
    ) -> Run:
        """Prepares a request's run, the refiner's part included; it starts when its events are read."""
        return Run(
            self._engine,
            partial(self._lend, info),
            request,
            self._cache,
            self._steps,
            self._fitter,
            self._upscalers,
            owner=owner,
            control=control,
            previews=previews,
            lend_refiner=None if refiner is None else partial(self._lend, refiner),
        )

    def fits(self, requests: Sequence[tuple[GenerationRequest, ModelInfo]]) -> bool:
        """Tells whether requests, each with its model, can be under way together in free memory."""
        needed = []
        for request, info in requests:
            size = painted_size(request, size_for(request, info.native_size), info.native_size)
            pictures = pictures_together(size, request.num_images_per_prompt, self._engine.largest_batch)
            needed.append(bytes_needed(size[0] * size[1], pictures, dtype_for(self.device)))
        return fits(needed, free_bytes(self.device)) and self._models_fit({info.id: info for _, info in requests})

    def _models_fit(self, models: Mapping[str, ModelInfo]) -> bool:
        """Whether those that are not loaded find room in main memory beside those that are in use."""
        missing = [info for name, info in models.items() if not self.kept.holds(name)]
        wanted = sum(self.plan(info).weight_bytes for info in missing)
        return len(models) == 1 or not wanted or wanted <= free_bytes(CPU) - KEPT_FREE + self.kept.idle_bytes()

    def put_away_extras(self) -> None:
        """Puts away the LoRAs and VAEs that nobody uses; the networks are then what they were before."""
        self._fitter.clear()
        self._upscalers.clear()
        for state in self.kept.states():
            if state.model is not None and state.model.adapters.loaded:
                pipeline = state.model.pipeline(state.model.info.tasks[0], scheduler=None)
                lane = self._engine.open_lanes(object(), 1)[0]
                try:
                    with self.kept.constructing:
                        lane.run(partial(state.model.adapters.clear, pipeline))
                finally:
                    lane.close()
        free_memory()

    def close(self) -> None:
        """Stops every running picture and ends the engine."""
        self.kept.close()
        self._engine.close()


def networks_of(model: LoadedModel) -> list[torch.nn.Module]:
    """A model's networks."""
    return [part for part in model.components.values() if isinstance(part, torch.nn.Module)]


def size_of_model(model: LoadedModel) -> int:
    """Bytes that a model's networks take, wherever they lie."""
    return sum(bytes_of_network(network) for network in networks_of(model))


def _quieten() -> None:
    """The libraries' advice is for programmers; what a person must know is said by this program itself."""
    for name in ("diffusers", "transformers"):
        logging.getLogger(name).setLevel(logging.ERROR)
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
