"""Loopback: each picture becomes the beginning of the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from PIL import Image

from .errors import InvalidRequest
from .events import GenerationEvent, ImageFinished
from .request import LARGEST_SEED, ImageToImageRequest, InpaintRequest
from .resizing import resize

MOST_LOOPS: Final = 32
"""A1111's limit."""

LEAST_STRENGTH: Final = 0.1
"""klms-gui's: below it a turn hardly changes anything. A request that begins lower stays where it begins."""


@dataclass(frozen=True, slots=True)
class Loopback:
    """A series of turns, which whoever has it drives: ``turn(0)``, then ``turn(1, picture, seed)`` and so on.

    Attributes:
        request: The first turn; one picture is made in each, whatever it says.
        loops: Turns, 1 … 32.
        strength_factor: What ``strength`` is multiplied by from turn to turn, 0.5 … 1.5; 1 leaves it. It never passes
            1, nor sinks below 0.1. A1111's "denoising strength change factor"; klms-gui's is 0.95.
    """

    request: ImageToImageRequest
    loops: int = 4
    strength_factor: float = 1.0

    def __post_init__(self) -> None:
        if type(self.loops) is not int or not 1 <= self.loops <= MOST_LOOPS:
            raise InvalidRequest("loops", f"loops is {self.loops!r}; it must be a whole number from 1 to {MOST_LOOPS}.")
        if not 0.5 <= self.strength_factor <= 1.5:
            raise InvalidRequest(
                "strength_factor", f"strength_factor is {self.strength_factor!r}; it must be a number from 0.5 to 1.5."
            )
        for strength in set(self.strengths):
            self._with(strength=strength)  # a strength too low for one step is refused now, not in the last turn

    @property
    def strengths(self) -> tuple[float, ...]:
        """The ``strength`` of each turn."""
        first = self.request.strength
        least = min(LEAST_STRENGTH, first)
        return tuple(min(max(first * self.strength_factor**turn, least), 1.0) for turn in range(self.loops))

    def turn(self, index: int, image: Image.Image | None = None, seed: int | None = None) -> ImageToImageRequest:
        """Makes the request of one turn.

        Args:
            index: 0 … ``loops`` - 1.
            image: What the turn before gave; None for the first.
            seed: Of the first turn's picture; turn *i* uses seed + *i*. None = the request's own, and where that is
                random, another random one.
        """
        first = self.request.seed if seed is None else seed
        changes: dict[str, Any] = {
            "strength": self.strengths[index],
            "seed": first if first == -1 else (first + index) % (LARGEST_SEED + 1),
            "num_images_per_prompt": 1,
        }
        if image is not None:
            changes["image"] = image
            if isinstance(self.request, InpaintRequest):
                changes["mask_image"] = resize(self.request.mask_image, image.size, self.request.resize_mode)
        return self._with(**changes)

    def play(
        self, generate: Callable[[ImageToImageRequest], Iterator[GenerationEvent]]
    ) -> Iterator[tuple[int, GenerationEvent]]:
        """Drives all turns through a back end, such as ``manager.generate``.

        Yields:
            The turn's index and each of its events. A turn that gives no picture, because it was skipped, is the last.
        """
        image: Image.Image | None = None
        seed: int | None = None
        for index in range(self.loops):
            finished = False
            for event in generate(self.turn(index, image, seed)):
                if isinstance(event, ImageFinished):
                    image, seed, finished = event.image, event.seed if index == 0 else seed, True
                yield index, event
            if not finished:
                return

    def _with(self, **changes: Any) -> ImageToImageRequest:
        kind = type(self.request)
        return kind(**({name: getattr(self.request, name) for name in kind.model_fields} | changes))
