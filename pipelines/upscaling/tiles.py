"""A picture cut into overlapping tiles that are worked on one at a time and laid together without a seam."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
"""Height × width × channels."""


class Box(NamedTuple):
    """A part of a picture in pixels, as Pillow's ``crop`` takes it."""

    left: int
    top: int
    right: int
    bottom: int


def plan_tiles(size: tuple[int, int], tile: int | tuple[int, int], overlap: int, step: int = 1) -> list[Box]:
    """Covers a picture with tiles of one size that overlap, row by row.

    Args:
        size: Width and height of the picture.
        tile: Side of a tile, or its width and height; where the picture is smaller a tile is as large as it is.
        overlap: Pixels that neighbours share at least, less than a tile's side.
        step: What left and top edges are multiples of; ``size`` and ``tile`` have to be multiples of it, too.
    """
    width, height = (tile, tile) if isinstance(tile, int) else tile
    columns, rows = _starts(size[0], width, overlap, step), _starts(size[1], height, overlap, step)
    return [Box(left, top, min(left + width, size[0]), min(top + height, size[1])) for top in rows for left in columns]


def _starts(length: int, tile: int, overlap: int, step: int) -> list[int]:
    """As few as do, evenly spread, so that no two share nearly everything."""
    if tile >= length:
        return [0]
    stride = max((tile - overlap) // step * step, step)
    count = -(-(length - tile) // stride) + 1
    last = length - tile
    return [min(-(-index * last // ((count - 1) * step)) * step, last) for index in range(count)]


@dataclass(frozen=True, slots=True)
class Blend:
    """How tiles melt into each other.

    Attributes:
        overlap: Pixels that neighbours share at least.
        margin: Pixels at a tile's inner edges that are left out: what a network makes of them lacks its surroundings.
    """

    overlap: int
    margin: int = 0

    def weights(self, box: Box, size: tuple[int, int], scale: int = 1) -> Pixels:
        """How much a tile counts at each of its pixels: nothing in the margin, then rising in a straight line to 1.

        Args:
            box: The tile.
            size: Of the whole picture; its own edges are full weight.
            scale: How many times larger the result is.
        """
        down = self._ramp(box.top, box.bottom, size[1], scale)
        across = self._ramp(box.left, box.right, size[0], scale)
        return (down[:, None] * across[None, :])[:, :, None]

    def _ramp(self, begin: int, end: int, length: int, scale: int) -> Pixels:
        places = (np.arange((end - begin) * scale, dtype=np.float32) + 0.5) / scale
        width = max(self.overlap - 2 * self.margin, 1)
        ramp: Pixels = np.ones_like(places)
        if begin > 0:
            ramp = np.minimum(ramp, np.clip((places - self.margin) / width, 0.0, 1.0), dtype=np.float32)
        if end < length:
            ramp = np.minimum(ramp, np.clip((end - begin - self.margin - places) / width, 0.0, 1.0), dtype=np.float32)
        return ramp


def work_in_tiles(
    size: tuple[int, int],
    boxes: list[Box],
    work: Callable[[Box], Pixels],
    blend: Blend,
    scale: int = 1,
    on_tile: Callable[[int, int], None] | None = None,
) -> NDArray[np.uint8]:
    """Does a picture's tiles one after the other and lays them together.

    Besides the result itself it holds one row of tiles, however large the picture is.

    Args:
        size: Width and height of the picture given.
        boxes: From :func:`plan_tiles`: row by row.
        work: Makes a tile's pixels, 0 … 255, ``scale`` times as large as its box; three channels.
        blend: How they melt into each other.
        scale: How many times larger the result is.
        on_tile: Told tiles done, and tiles in all.
    """
    whole = np.empty((size[1] * scale, size[0] * scale, 3), np.uint8)
    band = _Band(size[0] * scale, max(box.bottom - box.top for box in boxes) * scale, whole)
    for done, box in enumerate(boxes, 1):
        band.move_to(box.top * scale)
        band.add(work(box), blend.weights(box, size, scale), box.left * scale)
        if on_tile is not None:
            on_tile(done, len(boxes))
    band.move_to(size[1] * scale)
    return whole


class _Band:
    """The rows that tiles are still added to; those above are done."""

    def __init__(self, width: int, height: int, whole: NDArray[np.uint8]) -> None:
        self._sum: Pixels = np.zeros((height, width, 3), np.float32)
        self._weight: Pixels = np.zeros((height, width, 1), np.float32)
        self._whole, self._top = whole, 0

    def add(self, pixels: Pixels, weights: Pixels, left: int) -> None:
        place = (slice(0, pixels.shape[0]), slice(left, left + pixels.shape[1]))
        self._sum[place] += pixels * weights
        self._weight[place] += weights

    def move_to(self, top: int) -> None:
        """Writes down the rows above ``top`` and begins there."""
        rows = top - self._top
        if not rows:
            return
        mean = self._sum[:rows] / self._weight[:rows]
        self._whole[self._top : top] = np.rint(np.clip(mean, 0.0, 255.0)).astype(np.uint8)
        for part in (self._sum, self._weight):
            kept = part[rows:].copy()
            part[: len(kept)], part[len(kept) :] = kept, 0.0
        self._top = top
