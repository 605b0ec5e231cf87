"""The judge's eye: a fixed rule on pixels that reads ground, colour and shape off a picture of one thing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage

from pipelines.starter.outlines import Polygon, outlines, turned
from pipelines.starter.palette import COLOURS

GRID = 48
ALIKE = 0.72  # a mask that overlaps every template less than this is none of the shapes
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Sight:
    """What the eye reads off a picture.

    Attributes:
        background: The background's colour, a key of `COLOURS`.
        colour: The thing's colour, or None where nothing differs from the background.
        shape: The plain shape the thing is most like, or None where it is like none.
        area: The thing's share of the picture, 0 to 1.
        center: Where the thing's middle is, as shares (x, y) of the picture, or None.
    """

    background: str
    colour: str | None
    shape: str | None
    area: float
    center: tuple[float, float] | None


def _even(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns colours in Oklab, where equal steps look equal (Björn Ottosson's published matrices)."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    cones = linear @ np.array(
        [
            [0.4122214708, 0.2119034982, 0.0883024619],
            [0.5363325363, 0.6806995451, 0.2817188376],
            [0.0514459929, 0.1073969566, 0.6299787005],
        ]
    )
    lab: NDArray[np.float64] = np.cbrt(cones) @ np.array(
        [
            [0.2104542553, 1.9779984951, 0.0259040371],
            [0.7936177850, -2.4285922050, 0.7827717662],
            [-0.0040720468, 0.4505937099, -0.8086757660],
        ]
    )
    return lab


def colour_name(rgb: NDArray[np.float64]) -> str:
    """Returns the name of the world's colour that looks nearest to this one (three levels of 255)."""
    return list(COLOURS)[int(_nearest(_even(rgb / 255)[None])[0])]


def _nearest(lab: NDArray[np.float64]) -> NDArray[np.int64]:
    known = _even(np.array(list(COLOURS.values())) / 255)
    distances = ((lab[:, None] - known[None]) ** 2).sum(-1)
    nearest: NDArray[np.int64] = distances.argmin(1)
    return nearest


def _normalized(mask: Mask) -> Mask:
    """Returns the mask with its bounding box stretched (keeping proportions) over the grid, in the middle."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    cut = Image.fromarray(mask.astype(np.uint8) * 255).crop(box)
    scale = GRID / max(cut.size)
    small = cut.resize([max(1, round(side * scale)) for side in cut.size], Image.Resampling.BILINEAR)
    square = Image.new("L", (GRID, GRID))
    square.paste(small, ((GRID - small.width) // 2, (GRID - small.height) // 2))
    return np.asarray(square) > 127


def _solid(mask: Mask) -> Mask:
    """Returns the mask's largest piece, without holes: specks are not the thing, eyes and spots are."""
    pieces, count = ndimage.label(mask)
    if not count:
        return mask
    largest = 1 + int(np.bincount(pieces.ravel())[1:].argmax())
    solid: Mask = ndimage.binary_fill_holes(pieces == largest)
    return solid


def _filled(outline: Polygon) -> Mask:
    image = Image.new("L", (256, 256))
    ImageDraw.Draw(image).polygon([(128 + 100 * float(x), 128 + 100 * float(y)) for x, y in outline], fill=255)
    return np.asarray(image) > 127


@cache
def _templates() -> tuple[tuple[str, Mask], ...]:
    return tuple(
        (name, _normalized(_filled(turned(outline, degrees))))
        for name, outline in outlines().items()
        for degrees in (-8, -4, 0, 4, 8)
    )


def _shape(mask: Mask) -> str | None:
    ours = _normalized(mask)
    best, name = 0.0, None
    for other, template in _templates():
        overlap = float((ours & template).sum() / (ours | template).sum())
        if overlap > best:
            best, name = overlap, other
    return name if best >= ALIKE else None


def look(picture: Image.Image) -> Sight:
    """Reads a picture of one thing on a plain background.

    The border's median is the background. Of the pixels that differ from it, the most frequent of the world's
    colours (the background's own left out) is the thing's; of the pixels nearer to that than to the background, the
    largest piece is the thing. Its outline is compared with those of all plain shapes.

    Args:
        picture: An RGB picture.
    """
    rgb = np.asarray(picture.filter(ImageFilter.MedianFilter(3)), dtype=np.float64)
    edge = max(2, rgb.shape[0] // 32)
    border = np.concatenate(
        [
            rgb[:edge].reshape(-1, 3),
            rgb[-edge:].reshape(-1, 3),
            rgb[:, :edge].reshape(-1, 3),
            rgb[:, -edge:].reshape(-1, 3),
        ]
    )
    ground = np.median(border, axis=0)
    lab, ground_lab = _even(rgb / 255), _even(ground / 255)
    distance = np.sqrt(((lab - ground_lab) ** 2).sum(-1))
    far = distance > max(0.045, 0.2 * float(np.quantile(distance, 0.995)))
    if far.sum() < 20:
        return Sight(colour_name(ground), None, None, 0.0, None)
    names = _nearest(lab[far])
    votes = np.bincount(names, minlength=len(COLOURS))
    votes[int(_nearest(ground_lab[None])[0])] = 0  # what has the background's colour is the background
    if not votes.any():
        return Sight(colour_name(ground), None, None, 0.0, None)
    thing = np.median(rgb[far][names == votes.argmax()], axis=0)
    thing_lab = _even(thing / 255)
    axis = thing_lab - ground_lab
    mask = _solid(((lab - ground_lab) @ axis) / (axis @ axis) > 0.5)
    if mask.sum() < 20:
        return Sight(colour_name(ground), colour_name(thing), None, 0.0, None)
    rows, columns = np.nonzero(mask)
    center = (float(columns.mean() + 0.5) / mask.shape[1], float(rows.mean() + 0.5) / mask.shape[0])
    return Sight(colour_name(ground), colour_name(thing), _shape(mask), float(mask.mean()), center)
