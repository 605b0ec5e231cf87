"""Colour correction: an edited picture gets the colours of the one it was made from, and keeps its own light."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]

TO_XYZ: Final = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
"""Linear sRGB to CIE XYZ (IEC 61966-2-1), white D65."""

WHITE: Final = (0.95047, 1.0, 1.08883)
"""D65 in XYZ."""

LUMA: Final = (0.30, 0.59, 0.11)
"""Weights of red, green and blue in W3C's "Compositing and Blending Level 1", section 10.2."""

BINS: Final = 4096
RANGES: Final = ((0.0, 100.0), (-128.0, 128.0), (-128.0, 128.0))
"""Of L*, a* and b*."""


def match_colours(picture: Image.Image, reference: Image.Image) -> Image.Image:
    """Gives a picture the colours of another, as A1111's "apply color correction to img2img results" does.

    The histograms of L*, a* and b* (CIE 1976) are matched one by one; then each pixel gets back the luminosity it
    had, by the ``luminosity`` blend mode of W3C's "Compositing and Blending Level 1".

    Args:
        picture: Mode RGB.
        reference: Mode RGB, any size.

    Returns:
        Mode RGB, of ``picture``'s size.
    """
    before = np.asarray(picture, dtype=np.float32) / 255.0
    lab, wanted = to_lab(before), to_lab(np.asarray(reference, dtype=np.float32) / 255.0)
    matched = np.stack([_match(lab[..., i], wanted[..., i], *RANGES[i]) for i in range(3)], axis=-1)
    result = _with_luminosity(to_rgb(matched), before)
    return Image.fromarray(np.rint(result * 255.0).clip(0, 255).astype(np.uint8), "RGB")


def to_lab(rgb: Floats) -> Floats:
    """Converts sRGB, 0 … 1, to CIE L*a*b*; channels last."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    ratio = linear @ np.asarray(TO_XYZ, dtype=np.float32).T / np.asarray(WHITE, dtype=np.float32)
    bent = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    x, y, z = np.moveaxis(bent, -1, 0)
    lab: Floats = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)
    return lab


def to_rgb(lab: Floats) -> Floats:
    """Converts CIE L*a*b* to sRGB, 0 … 1; colours outside are clipped."""
    y = (lab[..., 0] + 16) / 116
    bent = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], axis=-1)
    ratio = np.where(bent > 6 / 29, bent**3, (116 * bent - 16) * 27 / 24389)
    linear = (ratio * np.asarray(WHITE)) @ np.linalg.inv(np.asarray(TO_XYZ)).T
    linear = linear.clip(0.0, 1.0)
    rgb: Floats = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055).astype(np.float32)
    return rgb


def _match(values: Any, wanted: Any, low: float, high: float) -> Floats:
    """Maps each value to the one of the same rank in the other picture."""
    edges = np.linspace(low, high, BINS + 1)
    own, other = (
        np.cumsum(np.histogram(channel.clip(low, high), edges)[0]) / channel.size for channel in (values, wanted)
    )
    centres = (edges[:-1] + edges[1:]) / 2
    first = np.concatenate([[True], np.diff(other) > 0])  # of bins of one rank, the first is the one with pixels in it
    table = np.interp(own, other[first], centres[first])
    places = ((values - low) * (BINS / (high - low))).astype(np.int64).clip(0, BINS - 1)
    matched: Floats = table[places].astype(np.float32)
    return matched


def _with_luminosity(colours: Floats, light: Floats) -> Floats:
    weights = np.asarray(LUMA, dtype=np.float32)
    aim = light @ weights
    moved = colours + (aim - colours @ weights)[..., None]
    grey = (moved @ weights)[..., None]
    least, most = moved.min(-1, keepdims=True), moved.max(-1, keepdims=True)
    moved = np.where(least < 0, grey + (moved - grey) * grey / np.maximum(grey - least, 1e-6), moved)
    over = grey + (moved - grey) * (1 - grey) / np.maximum(most - grey, 1e-6)
    clipped: Floats = np.where(most > 1, over, moved)
    return clipped
