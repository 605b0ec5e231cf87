"""Outpainting: a picture grows by any of its sides, and what is new melts into what was there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from PIL import Image

from .errors import InvalidRequest
from .images import check_pixels, to_rgb
from .masked_content import fill_from_surroundings
from .request import InpaintRequest

LARGEST_SEAM: Final = 64
"""As ``mask_blur``, which makes the seam."""


@dataclass(frozen=True, slots=True)
class GrownCanvas:
    """A picture with room beside it.

    Attributes:
        image: Mode RGB; the new room shows the colours of the old edge.
        mask_image: Mode L, 255 = repaint: the new room and a seam of the old picture beside it.
        seam: Pixels of the old picture over which the new one fades out; the ``mask_blur`` to use.
        corner: Where the old picture's upper left corner lies now.
    """

    image: Image.Image
    mask_image: Image.Image
    seam: int
    corner: tuple[int, int]


def grow_canvas(
    image: Image.Image, *, left: int = 0, right: int = 0, top: int = 0, bottom: int = 0, seam: int = 16
) -> GrownCanvas:
    """Makes the picture and the mask with which inpainting becomes outpainting.

    Args:
        image: Any mode; transparent parts are laid on white.
        left: Pixels to grow by on this side, 0 … 2048.
        right: Likewise.
        top: Likewise.
        bottom: Likewise.
        seam: Pixels, 0 … 64, of the old picture beside each side that grows, in which old and new are blended;
            farther in nothing changes, bit for bit.

    Raises:
        InvalidRequest: A number is out of its range, no side grows, or the picture would become too large.
    """
    sides = {"left": left, "right": right, "top": top, "bottom": bottom}
    for name, value in {**sides, "seam": seam}.items():
        most = LARGEST_SEAM if name == "seam" else 2048
        if type(value) is not int or not 0 <= value <= most:
            raise InvalidRequest(name, f"{name} is {value!r}; it must be a whole number of pixels from 0 to {most}.")
    if not any(sides.values()):
        raise InvalidRequest("left", "left, right, top and bottom are all 0; let the canvas grow by one of them.")
    old = to_rgb(image)
    across, down = (bool(left) + bool(right)) * seam, (bool(top) + bool(bottom)) * seam
    if across >= old.width or down >= old.height:
        raise InvalidRequest(
            "seam", f"seam is {seam}, which leaves nothing of a picture of {old.width} × {old.height}; give less."
        )
    size = old.width + left + right, old.height + top + bottom
    check_pixels(Image.new("1", size), "image")
    mask = Image.new("L", size, 255)
    inner = (left + seam * bool(left), top + seam * bool(top))
    outer = (size[0] - right - seam * bool(right), size[1] - bottom - seam * bool(bottom))
    mask.paste(0, (*inner, *outer))
    edges = [(top, bottom), (left, right), (0, 0)]
    grown = Image.fromarray(np.pad(np.asarray(old), edges, mode="edge"), "RGB")
    new = Image.new("L", size, 255)
    new.paste(0, (left, top, left + old.width, top + old.height))
    return GrownCanvas(fill_from_surroundings(grown, new), mask, seam, (left, top))


def outpaint(
    image: Image.Image,
    *,
    left: int = 0,
    right: int = 0,
    top: int = 0,
    bottom: int = 0,
    seam: int = 16,
    **fields: Any,
) -> InpaintRequest:
    """Makes the request that lets a picture grow.

    Args:
        image: As for :func:`grow_canvas`.
        left: Likewise.
        right: Likewise.
        top: Likewise.
        bottom: Likewise.
        seam: Likewise.
        **fields: The other fields of the request, such as ``prompt``.

    Raises:
        InvalidRequest: The picture cannot grow so, or a field is wrong.
    """
    grown = grow_canvas(image, left=left, right=right, top=top, bottom=bottom, seam=seam)
    return InpaintRequest(image=grown.image, mask_image=grown.mask_image, **({"mask_blur": grown.seam} | fields))
