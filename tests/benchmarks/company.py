"""Whether company changes a picture: eight different requests alone, together, and together but ``deterministic``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from pipelines.request import GenerationRequest, ImageToImageRequest, InpaintRequest, TextToImageRequest
from tests.benchmarks.figures import Figure, Result
from tests.benchmarks.pictures import PROMPTS, Pixels, middle_mask, opened, pixels_of, start_picture
from tests.benchmarks.together import paint_together

BAR_LEVELS: Final = 1
BAR_SHARE: Final = 0.1

SAMPLERS: Final = ("Euler", "DPM++ 2M Karras", "DDIM", "Euler a", "Heun", "UniPC", "DPM++ SDE", "LMS")


@dataclass(frozen=True)
class Settings:
    """How much is compared: rounds of eight pictures, their steps, and their side in pixels."""

    rounds: int = 6
    steps: int = 20
    size: int = 128


FULL, QUICK = Settings(), Settings(rounds=1, steps=12)


def measure(settings: Settings) -> Result:
    """Compares every picture with the same one made alone."""
    shared, exact, pixels = Differences(), Differences(), 0
    with opened() as manager:
        for round_number in range(settings.rounds):
            requests = mixed_requests(settings, seed=100 * round_number)
            alone = [pixels_of(manager.generate(request))[0] for request in requests]
            for chosen, differences in ((False, shared), (True, exact)):
                asked = [request.model_copy(update={"deterministic": chosen}) for request in requests]
                for track, picture in zip(paint_together(manager, asked).tracks, alone, strict=True):
                    differences.add(picture, track.pictures[0])
            pixels += sum(picture.shape[0] * picture.shape[1] for picture in alone)
    share = 100 * shared.pixels / pixels
    return Result(
        (
            Figure("picture in company vs alone: largest difference", shared.largest, "levels", at_most=BAR_LEVELS),
            Figure("picture in company vs alone: pixels that differ", share, "%", at_most=BAR_SHARE),
            Figure("the same with deterministic: pixels that differ", exact.pixels, f"of {pixels}", at_most=0),
        ),
        {"pictures": 8 * settings.rounds, "samplers": SAMPLERS, "pixels": pixels, "differing_pixels": shared.pixels},
    )


class Differences:
    """Adds up how pictures differ.

    Attributes:
        largest: Levels of 255, in any channel.
        pixels: Pixels that differ in any channel.
    """

    def __init__(self) -> None:
        self.largest = self.pixels = 0

    def add(self, one: Pixels, other: Pixels) -> None:
        """Compares two pictures of the same size."""
        levels = np.abs(one.astype(int) - other).max(axis=2)
        self.largest = max(self.largest, int(levels.max()))
        self.pixels += int((levels > 0).sum())


def mixed_requests(settings: Settings, seed: int) -> list[GenerationRequest]:
    """Eight requests of all tasks, with different samplers, steps, guidance and strengths, all of one size."""
    return [_request(settings, number, seed + number) for number in range(8)]


def _request(settings: Settings, number: int, seed: int) -> GenerationRequest:
    shared: dict[str, Any] = {
        "prompt": PROMPTS[number],
        "negative_prompt": "blurry" if number % 3 else "",
        "seed": seed,
        "scheduler": SAMPLERS[number],
        "num_inference_steps": settings.steps + number % 3,
        "guidance_scale": 3.0 + number / 2,
    }
    if number in (2, 6):
        return ImageToImageRequest(image=start_picture(settings.size, number), strength=0.5 + number / 20, **shared)
    if number in (3, 7):
        return InpaintRequest(
            image=start_picture(settings.size, number), mask_image=middle_mask(settings.size), **shared
        )
    return TextToImageRequest(width=settings.size, height=settings.size, **shared)
