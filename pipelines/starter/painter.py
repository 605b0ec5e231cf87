"""Paints the pictures that the starter model learns from: `paint(scene, rng)`, the same for the same seed."""

from __future__ import annotations

import numpy as np
from PIL import Image

from pipelines.starter.canvas import Brush, Canvas
from pipelines.starter.landscapes import paint_landscape
from pipelines.starter.palette import shade
from pipelines.starter.things import draw
from pipelines.starter.world import PLACES, Scene, Single

SIZE = 128


def _radius(scene: Single) -> float:
    """Returns half the thing's extent, as a share of half the picture's side."""
    if scene.place not in (None, "center"):
        return 0.3 if scene.size == "small" else 0.42
    return {"small": 0.3, "large": 0.8}.get(scene.size or "", 0.58)


def _paint_single(canvas: Canvas, scene: Single, rng: np.random.Generator) -> None:
    across, down = PLACES[scene.place or "center"]
    radius = _radius(scene) * float(rng.uniform(0.93, 1.07))
    reach = 0.98 - radius * 1.1
    step = min(0.5, reach)
    jitter = rng.uniform(-0.05, 0.05, 2)
    x, y = np.clip((across * step + jitter[0], down * step + jitter[1]), -max(reach, 0.02), max(reach, 0.02))
    degrees = float(np.clip(rng.normal(0, 3.5), -8, 8))
    draw(scene.thing, Brush(canvas, float(x), float(y), radius, degrees), shade(scene.colour, rng))


def paint(scene: Scene, rng: np.random.Generator, size: int = SIZE) -> Image.Image:
    """Paints one picture.

    Args:
        scene: What it shows.
        rng: Where the chance of its details (shade, exact place and size, small turn) comes from.
        size: The picture's side in pixels.

    Returns:
        An RGB picture.
    """
    if isinstance(scene, Single):
        canvas = Canvas(size, shade(scene.background, rng))
        _paint_single(canvas, scene, rng)
    else:
        canvas = Canvas(size, (0, 0, 0))
        paint_landscape(canvas, scene, rng)
    return canvas.finished()
