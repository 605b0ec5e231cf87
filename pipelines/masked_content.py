"""What the masked part shows before it is painted: the colours around it, run smoothly into it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]


def fill_from_surroundings(image: Image.Image, mask: Image.Image) -> Image.Image:
    """Fills the masked part with colours from around it; pixels that the mask does not cover stay bit for bit.

    By pull-push (Gortler et al. 1996, "The Lumigraph", section 3.4): the picture is halved again and again, each time
    averaging only what is known, until everything is; then the unknown is filled in from coarse to fine.

    Args:
        image: Mode RGB.
        mask: Mode L, same size, 255 = fill; in between the colours are mixed.

    Returns:
        Mode RGB; unchanged where nothing at all is known.
    """
    known: Floats = (1 - np.asarray(mask, dtype=np.float32) / 255).astype(np.float32)
    if not known.any():
        return image
    filled = _fill(np.asarray(image, dtype=np.float32), known)
    return Image.fromarray(np.rint(filled).clip(0, 255).astype(np.uint8), "RGB")


def _fill(colours: Floats, known: Floats) -> Floats:
    """One level: shape [height, width, 3] and how well each pixel is known, 0 … 1."""
    height, width = known.shape
    if known.all() or (height, width) == (1, 1):
        return colours
    even = ((0, height % 2), (0, width % 2))
    weights = np.pad(known, even)
    sums = _quarter(np.pad(colours, (*even, (0, 0))) * weights[..., None])
    total = _quarter(weights)
    averages: Any = sums / np.maximum(total, 1e-6)[..., None]
    coarse = _fill(averages, np.minimum(total, 1.0))
    mix = known[..., None]
    filled: Floats = mix * colours + (1.0 - mix) * _double(coarse)[:height, :width]
    return filled


def _quarter(values: Any) -> Floats:
    """Sums each 2 × 2 pixels."""
    summed: Floats = values[::2, ::2] + values[1::2, ::2] + values[::2, 1::2] + values[1::2, 1::2]
    return summed


def _double(colours: Floats) -> Floats:
    size = (colours.shape[1] * 2, colours.shape[0] * 2)
    channels = [Image.fromarray(colours[..., index]) for index in range(colours.shape[2])]
    doubled = [np.asarray(channel.resize(size, Image.Resampling.BILINEAR)) for channel in channels]
    return np.stack(doubled, axis=-1)
