"""One enlargement of a picture by a network, tile by tile, each an errand of its own on the engine's thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol

import numpy as np
import torch
from PIL import Image

from pipelines.errors import GenerationError
from pipelines.images import pad_to_multiple
from pipelines.memory import first_that_fits

from .esrgan_file import UpscalerNet
from .tiles import Blend, Box, Pixels, plan_tiles, work_in_tiles

TILE: Final = 192
"""Side of a tile in pixels of the picture given: some 0.6 GB at work in float32 at four times the size."""

SMALLER_TILES: Final = (96, 64)
"""Sides that are tried in turn where memory does not suffice."""

BLEND: Final = Blend(overlap=32, margin=12)
"""A network of 23 blocks sees 350 pixels far, but what lies beyond a dozen hardly counts."""

STEP: Final = 4
"""Tiles begin at multiples of the largest unshuffling there is."""

OnTile = Callable[[int, int], None]
"""Told tiles done, and tiles in all."""


class Errands(Protocol):
    """Runs work on the engine's thread: :meth:`pipelines.denoiser.Lane.run`."""

    def __call__(self, work: Callable[[], Any], /) -> Any:
        """Runs it and gives its result."""
        ...


def enlarge(
    image: Image.Image, network: UpscalerNet, errand: Errands, on_tile: OnTile | None = None, tile: int = TILE
) -> Image.Image:
    """Enlarges a picture by the network's own scale.

    Args:
        image: Mode RGB.
        network: From :func:`~pipelines.upscaling.esrgan_file.load_upscaler`.
        errand: How the network is called; others' steps go on between two calls.
        on_tile: Told how far it is.
        tile: Side of a tile, a multiple of ``STEP`` and more than the blend's overlap.

    Raises:
        GenerationError: The network gave what is no number.
        OutOfMemory: Memory does not suffice for the smallest tile.
    """
    pixels = np.asarray(pad_to_multiple(image, STEP), np.float32)
    size = (pixels.shape[1], pixels.shape[0])

    def work(box: Box) -> Pixels:
        made: Pixels = errand(partial(tile_pixels, network, _cut(pixels, box)))
        return made

    whole = work_in_tiles(size, plan_tiles(size, tile, BLEND.overlap, STEP), work, BLEND, network.scale, on_tile)
    return Image.fromarray(whole[: image.height * network.scale, : image.width * network.scale], "RGB")


def count_tiles(size: tuple[int, int], tile: int = TILE) -> int:
    """How many tiles :func:`enlarge` makes of a picture."""
    padded = (-(-size[0] // STEP) * STEP, -(-size[1] // STEP) * STEP)
    return len(plan_tiles(padded, tile, BLEND.overlap, STEP))


def tile_pixels(network: UpscalerNet, pixels: Pixels) -> Pixels:
    """Runs the network on one tile, or, where memory does not suffice, on ever smaller ones.

    Args:
        network: The network.
        pixels: 0 … 255; sides are multiples of ``STEP``.
    """
    size = (pixels.shape[1], pixels.shape[0])

    def in_smaller(tile: int) -> Pixels:
        boxes = plan_tiles(size, tile, BLEND.overlap, STEP)
        made = work_in_tiles(size, boxes, lambda box: _forward(network, _cut(pixels, box)), BLEND, network.scale)
        return made.astype(np.float32)

    return first_that_fits([partial(_forward, network, pixels), *(partial(in_smaller, side) for side in SMALLER_TILES)])


def _forward(network: UpscalerNet, pixels: Pixels) -> Pixels:
    """In the network's precision, and once more in float32 where half precision overflowed."""
    home = next(network.parameters())
    dtype = home.dtype  # a parameter changes along with its network
    picture = torch.from_numpy(pixels).permute(2, 0, 1)[None].to(home.device) / 255.0
    with torch.no_grad():
        made = network(picture.to(dtype))
        if not torch.isfinite(made).all() and dtype != torch.float32:
            try:
                made = network.to(torch.float32)(picture)
            finally:
                network.to(dtype)
    if not torch.isfinite(made).all():
        raise GenerationError("The upscaler turned the picture into not-a-number; choose another, or 'Lanczos'.")
    result: Pixels = made[0].permute(1, 2, 0).float().mul(255.0).cpu().numpy()
    return result


def _cut(pixels: Pixels, box: Box) -> Pixels:
    return np.ascontiguousarray(pixels[box.top : box.bottom, box.left : box.right])
