"""The four ways to bring a picture to another shape, by A1111's meaning of each."""

from __future__ import annotations

import numpy as np
from PIL import Image

from .images import cover
from .request import ResizeMode

Box = tuple[int, int, int, int]


def resize(
    image: Image.Image,
    size: tuple[int, int],
    mode: ResizeMode,
    resampling: Image.Resampling = Image.Resampling.LANCZOS,
) -> Image.Image:
    """Brings a picture to a size; one that already has it is returned unchanged, bit for bit.

    Args:
        image: Any mode.
        size: Width and height wanted.
        mode: ``resize`` stretches it, ``crop`` fills the size and crops what sticks out, ``fill`` shows all of it and
            repeats its edge around it; ``latent`` stretches it, too, since only latents know better.
        resampling: How pixels in between are made.
    """
    if image.size == size:
        return image
    if mode == "crop":
        return cover(image, size)
    if mode == "fill":
        return surround(image, size, resampling)
    return image.resize(size, resampling)


def fit_box(inner: tuple[int, int], outer: tuple[int, int]) -> Box:
    """Where a picture of the size ``inner`` lies when it is scaled to fit into ``outer``, in the middle."""
    scale = min(outer[0] / inner[0], outer[1] / inner[1])
    width, height = (max(1, min(room, round(side * scale))) for side, room in zip(inner, outer, strict=True))
    left, top = (outer[0] - width) // 2, (outer[1] - height) // 2
    return left, top, left + width, top + height


def surround(image: Image.Image, size: tuple[int, int], resampling: Image.Resampling) -> Image.Image:
    """Scales a picture to fit into ``size`` and repeats its edge in the bars beside it."""
    left, top, right, bottom = fit_box(image.size, size)
    fitted = image.resize((right - left, bottom - top), resampling)
    bars = [(top, size[1] - bottom), (left, size[0] - right)] + [(0, 0)] * (len(image.getbands()) > 1)
    return Image.fromarray(np.pad(np.asarray(fitted), bars, mode="edge"), image.mode)
