"""What the benchmarks have painted, and how they listen in."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import torch
from PIL import Image, ImageDraw

from pipelines.events import GenerationEvent, ImageFinished, StepCompleted
from pipelines.framing import frame_for
from pipelines.loading import LoadedModel
from pipelines.manager import PipelineManager
from pipelines.picture import pipeline_arguments
from pipelines.request import GenerationRequest
from pipelines.schedulers import build_scheduler

Pixels = np.ndarray[Any, Any]

PROMPTS: Final = (
    "a red circle on a blue background",
    "a yellow star on a green background",
    "a purple square on a white background",
    "a small boat at sunset",
    "snowy mountains under a full moon",
    "a green triangle on a pink background",
    "a lighthouse in the rain",
    "an orange heart on a black background",
)


def start_picture(size: int, number: int = 0) -> Image.Image:
    """A picture to change: plain colours and edges, another one for each number."""
    picture = Image.new("RGB", (size, size), ((37 * number) % 256, (91 * number + 60) % 256, (13 * number + 120) % 256))
    edge = size // 4
    ImageDraw.Draw(picture).ellipse((edge, edge, 3 * edge, 3 * edge), fill=((53 * number + 200) % 256, 180, 40))
    return picture


def middle_mask(size: int) -> Image.Image:
    """Repaints the middle."""
    mask = Image.new("L", (size, size))
    mask.paste(255, (size // 4, size // 4, 3 * size // 4, 3 * size // 4))
    return mask


def load(manager: PipelineManager, model: str | None = None) -> LoadedModel:
    """The networks that the manager itself uses."""
    return manager._open().load(manager._catalogue.find(model))


def forget_results(manager: PipelineManager) -> None:
    """Empties the cache of encoded prompts and pictures, so that a request costs what a new one costs."""
    manager._open()._cache.clear()


def set_previews(manager: PipelineManager, *, on: bool) -> None:
    """Switches previews for the generations that follow."""
    manager._previews = on


def pixels_of(events: Iterator[GenerationEvent]) -> list[Pixels]:
    """Runs a generation to its end and gives its pictures."""
    return [np.asarray(event.image) for event in events if isinstance(event, ImageFinished)]


def previews_of(events: Iterator[GenerationEvent]) -> tuple[int, int]:
    """Runs a generation to its end; counts steps, and those that came with a preview."""
    steps = [event for event in events if isinstance(event, StepCompleted)]
    return len(steps), sum(event.preview is not None for event in steps)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Everything that is started meanwhile, and the caller, computes on one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def bare(model: LoadedModel, request: GenerationRequest) -> Callable[[], Pixels]:
    """The same request as a plain diffusers pipeline over the same weights would be called by hand."""
    scheduler = build_scheduler(request.scheduler, model.scheduler_config, seed=request.seed)
    pipeline = model.pipeline(request.task, scheduler=scheduler)
    arguments = pipeline_arguments(request, frame_for(request, model.info.native_size))

    def paint() -> Pixels:
        with torch.no_grad():
            result = pipeline(
                prompt=request.prompt,
                negative_prompt=request.negative_prompt,
                generator=torch.Generator("cpu").manual_seed(request.seed),
                **arguments,
            )
        return np.asarray(result.images[0])

    return paint


@contextlib.contextmanager
def listen(network: torch.nn.Module, note: Callable[[torch.Tensor], None]) -> Iterator[None]:
    """Tells of every call of a network, before it, with its first argument."""
    hook = network.register_forward_pre_hook(lambda module, args: note(args[0]))
    try:
        yield
    finally:
        hook.remove()


@contextlib.contextmanager
def opened(*models_dirs: Any, **options: Any) -> Iterator[PipelineManager]:
    """A manager that is closed, and whose memory is given back, at the end."""
    manager = PipelineManager(models_dirs, **options)
    try:
        yield manager
    finally:
        manager.close()
        del manager
        gc.collect()
