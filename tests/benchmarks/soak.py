"""A long day: many different pictures, some cancelled, some failing, and what it leaves in memory and on disk."""

from __future__ import annotations

import contextlib
import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from pipelines.errors import ReverieError
from pipelines.events import StepCompleted
from pipelines.loading import LoadedModel
from pipelines.manager import PipelineManager
from pipelines.request import GenerationRequest, ImageToImageRequest, InpaintRequest, TextToImageRequest
from pipelines.samplers import sampler_choices
from tests.benchmarks.figures import Figure, Result
from tests.benchmarks.pictures import PROMPTS, load, middle_mask, opened, start_picture
from tests.benchmarks.written import Written

BAR_MEGABYTES: Final = 0.1

SUBJECTS: Final = ("", "at night", "in the rain", "on a hill", "by the sea")


@dataclass(frozen=True)
class Settings:
    """What a day is made of.

    Attributes:
        pictures: How many are begun.
        warm: Pictures before memory is looked at.
        sizes: Sides in pixels to choose from.
        steps: Fewest and most steps of a picture.
        cancelled: Share that is cancelled on the way.
        failing: Share in which a network fails.
    """

    pictures: int = 1000
    warm: int = 100
    sizes: tuple[int, ...] = (64, 96, 128)
    steps: tuple[int, int] = (4, 12)
    cancelled: float = 0.1
    failing: float = 0.01


FULL, QUICK = Settings(), Settings(sizes=(64, 72, 80, 96), steps=(2, 5))


def measure(settings: Settings) -> Result:
    """Paints them one after the other and fits a line through the memory that is resident after each."""
    chance = random.Random(settings.pictures)
    samplers = [name for _, name in sampler_choices()]
    ends: Counter[str] = Counter()
    resident: list[float] = []
    with opened() as manager, Written() as written:
        model = load(manager)
        for number in range(settings.pictures):
            request = random_request(settings, chance, samplers)
            fate = _fate(settings, chance, number)
            ends[end_of(manager, model, request, fate, chance)] += 1
            resident.append(resident_megabytes())
        cached = manager._open()._cache.bytes
    after = resident[settings.warm :]
    return Result(
        (
            Figure(
                f"resident memory after the first {settings.warm}",
                slope(after),
                "MB a picture",
                at_most=BAR_MEGABYTES,
                note=f"{settings.pictures} pictures; a line of least squares",
            ),
            Figure("stray files", len(written.files), at_most=0),
        ),
        {
            "ends": dict(ends),
            "resident_megabytes": [round(value, 1) for value in resident[:: max(1, len(resident) // 50)]],
            "resident_growth_megabytes": round(resident[-1] - after[0], 1),
            "cache_megabytes": round(cached / 1e6, 2),
            "bytes_written_anywhere": written.bytes,
            "files": written.files,
            "samplers": len(samplers),
        },
    )


def random_request(settings: Settings, chance: random.Random, samplers: Sequence[str]) -> GenerationRequest:
    """Any task, size, sampler and wish; forty prompts and five pictures come again and again."""
    size = chance.choice(settings.sizes)
    values: dict[str, Any] = {
        "prompt": f"{chance.choice(PROMPTS)} {chance.choice(SUBJECTS)}",
        "seed": chance.randrange(2**32),
        "scheduler": chance.choice(samplers),
        "num_inference_steps": chance.randint(*settings.steps),
        "guidance_scale": chance.choice([1.0, 4.0, 7.0]),
    }
    task = chance.choice(["text_to_image", "text_to_image", "image_to_image", "inpaint"])
    if task == "text_to_image":
        return TextToImageRequest(width=size, height=chance.choice(settings.sizes), **values)
    image = start_picture(size, chance.randrange(5))
    if task == "image_to_image":
        return ImageToImageRequest(image=image, strength=0.8, **values)
    return InpaintRequest(image=image, mask_image=middle_mask(size), strength=0.9, **values)


def _fate(settings: Settings, chance: random.Random, number: int) -> str:
    """Failing ones come at fixed intervals, so that few pictures have some, too; cancelled ones by chance."""
    if settings.failing and number % max(1, round(1 / settings.failing)) == 1:
        return "failing"
    return "cancelled" if chance.random() < settings.cancelled else "whole"


def end_of(
    manager: PipelineManager, model: LoadedModel, request: GenerationRequest, fate: str, chance: random.Random
) -> str:
    """Paints one picture as its fate will have it.

    Returns:
        ``whole``, ``cancelled`` or ``failed``.

    Raises:
        RuntimeError: A network failed and nobody was told.
    """
    with failing_network(model, chance) if fate == "failing" else contextlib.nullcontext():
        events = manager.generate(request)
        stop_after = chance.randrange(3) if fate == "cancelled" else None
        seen = 0
        try:
            for event in events:
                seen += isinstance(event, StepCompleted)
                if stop_after is not None and seen >= stop_after:
                    events.close()  # type: ignore[attr-defined]
                    return "cancelled"
        except ReverieError:
            if fate != "failing":
                raise
            return "failed"
    if fate == "failing":
        raise RuntimeError("a network failed and the request ended as if nothing had been.")
    return "whole"


@contextlib.contextmanager
def failing_network(model: LoadedModel, chance: random.Random) -> Iterator[None]:
    """Lets the U-Net or the decoder fail, or give something that is not a number, until the context ends."""
    network = chance.choice([model.components["unet"], model.components["vae"].decoder])
    raises = chance.random() < 0.5

    def fail(module: Any, args: Any, output: Any) -> Any:
        if raises:
            raise RuntimeError("injected: the kernel could not be launched")
        return tuple(part * np.nan for part in output) if isinstance(output, tuple) else output * np.nan

    hook = network.register_forward_hook(fail)
    try:
        yield
    finally:
        hook.remove()


def slope(values: Sequence[float]) -> float:
    """The least-squares line's rise per value."""
    if len(values) < 2:
        return 0.0
    return float(np.polyfit(np.arange(len(values)), np.asarray(values), 1)[0])


def resident_megabytes() -> float:
    """What this process has in main memory, in 10⁶ bytes; where the system does not say, the most it ever had."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
