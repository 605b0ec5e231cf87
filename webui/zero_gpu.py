"""Makes pictures on a Hugging Face ZeroGPU Space: each request runs in a forked worker with a lent card.

Imported only there, and before torch, because ``spaces`` prepares torch for the fork.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import spaces

from pipelines.errors import GenerationError, ReverieError
from pipelines.events import GenerationEvent
from pipelines.models import Catalogue, ModelInfo
from pipelines.request import GenerationRequest

if TYPE_CHECKING:
    from pipelines.manager import PipelineManager

SECONDS_TO_LOAD: Final = 20.0
"""Forking, moving to the card and reading the weights, before the first step."""

SECONDS_PER_MEGAPIXEL_STEP: Final = 0.25
"""One guided SDXL step at 1024 × 1024 on a slice of an H200, with room to spare."""

LONGEST: Final = 120
"""Most seconds asked for at once; more would shut out every visitor with less quota left."""


def duration(models_dirs: Sequence[str], request: GenerationRequest) -> int:
    """Estimates the seconds to ask ZeroGPU for, from steps, size and number of pictures.

    Takes the same arguments as :func:`run`, as ``spaces.GPU`` wants it.
    """
    del models_dirs
    megapixels = (request.width or 1024) * (request.height or 1024) / 1e6
    work = request.num_inference_steps * request.num_images_per_prompt * megapixels * SECONDS_PER_MEGAPIXEL_STEP
    return min(LONGEST, round(SECONDS_TO_LOAD + work))


@spaces.GPU(duration=duration)  # type: ignore[untyped-decorator]
def run(
    models_dirs: Sequence[str], request: GenerationRequest
) -> Generator[GenerationEvent | ReverieError, None, None]:
    """Runs one request in the worker.

    Yields:
        The events; an error of ours as the last item, because one raised across the border loses its type.
    """
    events = _manager(os.getpid(), tuple(models_dirs)).generate(request)
    try:
        yield from events
    except ReverieError as error:
        yield error


@functools.lru_cache(maxsize=1)
def _manager(process: int, models_dirs: tuple[str, ...]) -> PipelineManager:
    """The worker's own manager: threads do not survive a fork, so the parent's would be of no use there."""
    del process  # part of the key, so that no copy made before the fork is taken for the worker's own
    from pipelines.manager import PipelineManager

    return PipelineManager(models_dirs=models_dirs, hub=None)


class ZeroGpuBackend:
    """The back end of a ZeroGPU Space, with the manager's interface.

    Args:
        models_dirs: Folders with models in diffusers' layout.
    """

    def __init__(self, models_dirs: Sequence[Path] = ()) -> None:
        self._models_dirs = [str(folder) for folder in models_dirs]
        self._catalogue = Catalogue(models_dirs)

    def models(self) -> list[ModelInfo]:
        """Lists what a request's ``model`` can name, the starter first."""
        return self._catalogue.models()

    def status(self) -> str:
        """One short sentence on what it is doing."""
        return "Ready on ZeroGPU"

    def generate(self, request: GenerationRequest) -> Iterator[GenerationEvent]:
        """Makes the pictures of a request in a worker; closing the iterator cancels at its next event.

        It takes no control, because none reaches into a worker, and a paused job should not sit on a lent card: the
        queue gives the card back and asks for the unfinished pictures again.

        Raises:
            ReverieError: As the manager raises it.
            GenerationError: The card was taken away before the picture was done.
        """
        items: Generator[GenerationEvent | ReverieError] = run(self._models_dirs, request)
        try:
            for item in items:
                if isinstance(item, ReverieError):
                    raise item
                yield item
        except ReverieError:
            raise
        except Exception as error:
            raise GenerationError(f"The lent graphics card gave up ({error}); press Dream again.") from error
        finally:
            items.close()

    def warm_up(self) -> None:
        """Does nothing: the card is only there inside a worker."""

    def close(self) -> None:
        """Does nothing: a worker ends with its request."""
