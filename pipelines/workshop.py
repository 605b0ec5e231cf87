"""Everything that needs torch, behind the manager: the engine, the device, and the models now loaded."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Final

import diffusers
import torch
import transformers

from .caches import TensorCache
from .capacity import bytes_needed, fits, free_bytes
from .control import Control
from .denoiser import Engine
from .drawing import PreviewChoice
from .framing import size_for
from .loading import LoadedModel, choose_device, dtype_for, load_model
from .memory import set_aside
from .models import Catalogue, ModelInfo
from .request import GenerationRequest
from .run import Run, pictures_together

MODELS_KEPT: Final = 2


class Workshop:
    """The engine and the loaded models, least recently used first out.

    Args:
        catalogue: Where models are found.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Attributes:
        device: What pictures are made on.
    """

    def __init__(self, catalogue: Catalogue, device: str = "auto") -> None:
        _quieten()
        self.device = choose_device(device)
        self._catalogue = catalogue
        self._engine = Engine()
        self._cache = TensorCache()
        self._engine.make_room = self._make_room
        self._models: OrderedDict[str, LoadedModel] = OrderedDict()
        self._loading = threading.Lock()

    @property
    def device_name(self) -> str:
        """The device in a person's words."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type.upper()

    def load(self, info: ModelInfo) -> LoadedModel:
        """Gives a loaded model, from memory where it is; one loads at a time, since diffusers patches torch meanwhile.

        A model that makes room is freed once its last running picture ends.

        Raises:
            ModelError: It cannot be loaded.
        """
        with self._loading:
            if info.id not in self._models:
                while len(self._models) >= MODELS_KEPT:
                    self._models.popitem(last=False)
                self._models[info.id] = load_model(info, self._catalogue.family(info), self.device)
            self._models.move_to_end(info.id)
            return self._models[info.id]

    @contextlib.contextmanager
    def _make_room(self) -> Iterator[None]:
        """Forgets cached results and sets text encoders and VAEs aside while the denoiser works."""
        self._cache.clear()
        spare = [
            part
            for model in list(self._models.values())
            for name, part in model.components.items()
            if isinstance(part, torch.nn.Module) and name not in ("unet", "transformer")
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
    ) -> Run:
        """Prepares a request's run; it starts when its events are read."""
        return Run(
            self._engine,
            lambda: self.load(info),
            request,
            self._cache,
            owner=owner,
            control=control,
            previews=previews,
        )

    def fits(self, requests: Sequence[tuple[GenerationRequest, int]]) -> bool:
        """Tells whether requests, each with its model's native size, can be under way together in free memory."""
        needed = []
        for request, native_size in requests:
            size = size_for(request, native_size)
            pictures = pictures_together(size, request.num_images_per_prompt, self._engine.largest_batch)
            needed.append(bytes_needed(size[0] * size[1], pictures, dtype_for(self.device)))
        return fits(needed, free_bytes(self.device))

    def close(self) -> None:
        """Stops every running picture and ends the engine."""
        self._engine.close()


def _quieten() -> None:
    """The libraries' advice is for programmers; what a person must know is said by this program itself."""
    for name in ("diffusers", "transformers"):
        logging.getLogger(name).setLevel(logging.ERROR)
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
