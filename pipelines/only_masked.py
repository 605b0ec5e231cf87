"""Inpainting of only the masked part: it is cut out, painted at the full working size, and laid back."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from .resizing import Box, fit_box, surround


@dataclass(frozen=True, slots=True)
class Region:
    """The part of a picture that is painted.

    Attributes:
        box: Left, top, right and bottom in the picture's pixels.
        size: Width and height at which it is painted.
    """

    box: Box
    size: tuple[int, int]

    def cut(self, image: Image.Image, resampling: Image.Resampling = Image.Resampling.LANCZOS) -> Image.Image:
        """Gives the part at the size it is painted at, its edge repeated where the shapes differ."""
        part = image.crop(self.box)
        return part if part.size == self.size else surround(part, self.size, resampling)

    def lay(self, painted: Image.Image, original: Image.Image) -> Image.Image:
        """Gives the whole picture with the painted part in its place.

        Args:
            painted: Of the size ``self.size``.
            original: The whole picture; it is not changed.
        """
        left, top, right, bottom = self.box
        part = painted.crop(fit_box((right - left, bottom - top), self.size))
        whole = original.copy()
        shape = (right - left, bottom - top)
        whole.paste(part if part.size == shape else part.resize(shape, Image.Resampling.LANCZOS), (left, top))
        return whole


def region_for(mask: Image.Image, padding: int, size: tuple[int, int]) -> Region:
    """Finds the part to paint: what the mask covers, ``padding`` pixels more on each side, grown to the shape of
    ``size`` as far as the picture allows.

    Args:
        mask: Mode L, not empty; 0 = keep.
        padding: Pixels of the picture.
        size: Width and height at which the part is painted.
    """
    box = mask.getbbox()
    if box is None:
        raise ValueError("The mask is empty; a request refuses such a mask.")
    left, right = max(box[0] - padding, 0), min(box[2] + padding, mask.width)
    top, bottom = max(box[1] - padding, 0), min(box[3] + padding, mask.height)
    width = max(right - left, round((bottom - top) * size[0] / size[1]))
    height = max(bottom - top, round((right - left) * size[1] / size[0]))
    left, right = _grow(left, right, width, mask.width)
    top, bottom = _grow(top, bottom, height, mask.height)
    return Region((left, top, right, bottom), size)


def _grow(first: int, last: int, length: int, room: int) -> tuple[int, int]:
    """Grows a stretch to both sides alike, then moves it into the room."""
    length = min(length, room)
    start = min(max((first + last - length) // 2, 0), room - length)
    return start, start + length
