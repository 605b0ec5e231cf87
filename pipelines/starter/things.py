"""How each thing is drawn: plain shapes, and a few with a little charm."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipelines.starter.canvas import Brush
from pipelines.starter.outlines import outlines
from pipelines.starter.palette import RGB, blend

INK: RGB = (30, 26, 34)
CREAM: RGB = (252, 244, 226)
WOOD: RGB = (112, 70, 38)


def _contrast(colour: RGB) -> RGB:
    return CREAM if sum(colour) < 300 else INK


def _darker(colour: RGB, share: float = 0.35) -> RGB:
    return blend(colour, INK, share) if sum(colour) >= 150 else blend(colour, CREAM, share)


def _cat(brush: Brush, colour: RGB) -> None:
    for side in (-1, 1):
        brush.polygon([(side * 0.95, -1.0), (side * 0.88, 0.1), (side * 0.15, -0.5)], colour)
    brush.ellipse(0, 0.18, 0.95, 0.78, colour)
    face = _contrast(colour)
    for side in (-1, 1):
        brush.ellipse(side * 0.4, 0.02, 0.13, 0.2, face)
    brush.polygon([(-0.13, 0.36), (0.13, 0.36), (0, 0.52)], face)


def _fish(brush: Brush, colour: RGB) -> None:
    brush.polygon([(0.45, 0), (1.1, -0.62), (1.1, 0.62)], _darker(colour, 0.2))
    brush.ellipse(-0.2, 0, 0.85, 0.62, colour)
    brush.ellipse(-0.62, -0.15, 0.16, 0.16, CREAM if sum(colour) < 600 else INK)
    brush.ellipse(-0.65, -0.15, 0.08, 0.08, INK if sum(colour) < 600 else CREAM)


def _house(brush: Brush, colour: RGB) -> None:
    brush.box(-0.8, -0.15, 0.8, 0.95, colour)
    brush.polygon([(-1.05, -0.1), (0, -1.0), (1.05, -0.1)], _darker(colour))
    brush.box(-0.17, 0.35, 0.17, 0.95, _darker(colour, 0.6))
    for side in (-1, 1):
        brush.box(side * 0.5 - 0.16, 0.12, side * 0.5 + 0.16, 0.44, (255, 232, 140))


def _tree(brush: Brush, colour: RGB) -> None:
    brush.box(-0.16, 0.2, 0.16, 1.05, WOOD)
    brush.ellipse(0, -0.55, 0.62, 0.5, colour)
    brush.ellipse(-0.4, -0.08, 0.55, 0.45, colour)
    brush.ellipse(0.4, -0.08, 0.55, 0.45, colour)


def _flower(brush: Brush, colour: RGB) -> None:
    for turn in np.linspace(0, 2 * np.pi, 6, endpoint=False) + 0.52:
        brush.ellipse(0.62 * np.cos(turn), 0.62 * np.sin(turn), 0.42, 0.42, colour)
    heart = (252, 208, 60) if abs(colour[0] - 250) + abs(colour[1] - 215) + abs(colour[2] - 60) > 90 else WOOD
    brush.ellipse(0, 0, 0.36, 0.36, heart)


def _moon(brush: Brush, colour: RGB) -> None:
    out = np.linspace(-0.70 * np.pi, 0.70 * np.pi, 40) + np.pi
    outer = np.stack([np.cos(out), np.sin(out)], axis=1)
    tip = outer[-1]
    back = np.linspace(1, -1, 40)
    inner = np.stack([tip[0] - 0.95 * np.sqrt(np.maximum(0, 1 - back**2)), back * tip[1]], axis=1)
    brush.polygon(np.concatenate([outer, inner]), colour)


def _boat(brush: Brush, colour: RGB) -> None:
    brush.box(-0.06, -1.0, 0.06, 0.4, WOOD)
    sail = CREAM if min(colour) < 200 else (196, 200, 208)
    brush.polygon([(0.14, -0.95), (0.78, 0.22), (0.14, 0.22)], sail)
    brush.polygon([(-0.14, -0.75), (-0.14, 0.22), (-0.66, 0.22)], sail)
    brush.polygon([(-1.1, 0.32), (1.1, 0.32), (0.72, 0.95), (-0.72, 0.95)], colour)


def _mushroom(brush: Brush, colour: RGB) -> None:
    brush.box(-0.3, 0.0, 0.3, 0.95, (236, 222, 196))
    turn = np.linspace(np.pi, 2 * np.pi, 40)
    cap = np.stack([1.05 * np.cos(turn), 0.12 + 1.05 * np.sin(turn)], axis=1)
    brush.polygon(cap, colour)
    dots = CREAM if min(colour) < 200 else (150, 150, 158)
    for x, y, size in ((-0.5, -0.25, 0.16), (0.12, -0.55, 0.18), (0.55, -0.15, 0.14)):
        brush.ellipse(x, y, size, size, dots)


def _plain(name: str) -> Callable[[Brush, RGB], None]:
    outline = outlines()[name]
    return lambda brush, colour: brush.polygon(outline, colour)


def draw(thing: str, brush: Brush, colour: RGB) -> None:
    """Draws the named thing, about −1 to 1 in the brush's frame.

    Args:
        thing: One of `world.THINGS`.
        brush: What draws, and where.
        colour: The colour the caption gives it.
    """
    charms = {
        "cat": _cat,
        "fish": _fish,
        "house": _house,
        "tree": _tree,
        "flower": _flower,
        "moon": _moon,
        "boat": _boat,
        "mushroom": _mushroom,
    }
    (charms.get(thing) or _plain(thing))(brush, colour)
