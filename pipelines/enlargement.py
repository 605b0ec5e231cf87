"""A finished picture made larger by an upscaler alone: nothing is painted, no model is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from .larger_rules import result_size
from .request import ImageToImageRequest
from .resizing import resize
from .upscaling.enlarging import Errands
from .upscaling.upscalers import Upscalers


@dataclass(frozen=True)
class Enlargement:
    """One, known before its first tile.

    Attributes:
        image: What is enlarged.
        upscaler: By what.
        size: Width and height of the result.
        tiles: How often a network is called; at least 1.
        upscalers: Those there are.
    """

    image: Image.Image
    upscaler: str
    size: tuple[int, int]
    tiles: int
    upscalers: Upscalers

    def make(self, errand: Errands, on_tile: Callable[[int], None]) -> Image.Image:
        """Enlarges the picture.

        Args:
            errand: How networks are called.
            on_tile: Told how many calls are done.

        Raises:
            Cancelled: Nobody wants it any more.
            GenerationError: The network failed.
        """
        done = 0

        def one_more(_tile: int, _tiles: int) -> None:
            nonlocal done
            done += 1
            on_tile(min(done, self.tiles))

        made = self.upscalers.upscale(self.image, self.upscaler, self.size, errand, one_more)
        if not done:
            on_tile(1)
        return made


def plan_enlargement(request: ImageToImageRequest, upscalers: Upscalers) -> Enlargement:
    """Plans what a request asks for, and refuses what cannot be done.

    Args:
        request: One for which :func:`~pipelines.larger_rules.enlarges_only` is true.
        upscalers: Those there are; the one named is loaded.

    Raises:
        InvalidRequest: The upscaler is one of latents.
        ModelError: It is missing or cannot be used.
    """
    upscalers.check(request.tile_upscaler, "tile_upscaler")
    image = request.image
    if request.width and request.height:
        image = resize(image, (request.width, request.height), request.resize_mode)
    size = result_size(request, image.size)
    tiles = upscalers.count_tiles(image.size, request.tile_upscaler, size)
    return Enlargement(image, request.tile_upscaler, size, max(tiles, 1), upscalers)
