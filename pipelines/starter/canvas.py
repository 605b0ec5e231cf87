"""A small supersampled canvas: coordinates from −1 to 1, y downwards, whatever the picture's size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image, ImageDraw

from pipelines.starter.outlines import Polygon, turned
from pipelines.starter.palette import RGB, blend

Point = tuple[float, float]


class Canvas:
    """A picture under the brush.

    Attributes:
        size: The finished picture's side, in pixels.
    """

    def __init__(self, size: int, background: RGB, samples: int = 2) -> None:
        self.size = size
        self._samples = samples
        self._image = Image.new("RGB", (size * samples, size * samples), background)
        self._draw = ImageDraw.Draw(self._image)

    def _at(self, x: float, y: float) -> Point:
        half = self.size * self._samples / 2
        return half * (1 + x), half * (1 + y)

    def polygon(self, points: Polygon | Sequence[Point], colour: RGB) -> None:
        """Fills a polygon."""
        self._draw.polygon([self._at(float(x), float(y)) for x, y in points], fill=colour)

    def ellipse(self, x: float, y: float, across: float, down: float, colour: RGB) -> None:
        """Fills an ellipse with this centre and these half axes."""
        self._draw.ellipse([self._at(x - across, y - down), self._at(x + across, y + down)], fill=colour)

    def box(self, left: float, top: float, right: float, bottom: float, colour: RGB) -> None:
        """Fills a rectangle."""
        self._draw.rectangle([self._at(left, top), self._at(right, bottom)], fill=colour)

    def line(self, points: Iterable[Point], colour: RGB, width: float) -> None:
        """Draws a line through the points."""
        pixels = max(1, round(width * self.size * self._samples / 2))
        self._draw.line([self._at(x, y) for x, y in points], fill=colour, width=pixels, joint="curve")

    def gradient(self, top: RGB, bottom: RGB, start: float = -1.0, end: float = 1.0) -> None:
        """Fills the band between two heights with a gradient."""
        side = self.size * self._samples
        first, last = (round((1 + height) / 2 * side) for height in (start, end))
        for row in range(first, last):
            colour = blend(top, bottom, (row - first) / max(1, last - first - 1))
            self._draw.line([(0, row), (side, row)], fill=colour)

    def finished(self) -> Image.Image:
        """Returns the picture at its own size."""
        return self._image.reduce(self._samples)


class Brush:
    """Draws in a frame of its own: moved to a place, scaled and turned.

    Attributes:
        canvas: Where it draws.
    """

    def __init__(self, canvas: Canvas, x: float, y: float, scale: float, degrees: float = 0.0) -> None:
        self.canvas = canvas
        self._origin = np.array([x, y])
        self._scale = scale
        self._degrees = degrees

    def _moved(self, points: Polygon) -> Polygon:
        moved: Polygon = self._origin + self._scale * turned(points, self._degrees)
        return moved

    def polygon(self, points: Polygon | Sequence[Point], colour: RGB) -> None:
        """Fills a polygon."""
        self.canvas.polygon(self._moved(np.asarray(points, dtype=float)), colour)

    def ellipse(self, x: float, y: float, across: float, down: float, colour: RGB, tilt: float = 0.0) -> None:
        """Fills an ellipse with this centre and these half axes, itself tilted by some degrees."""
        turn = 2 * np.pi * np.arange(48) / 48
        ring = turned(np.stack([across * np.cos(turn), down * np.sin(turn)], axis=1), tilt)
        self.polygon(ring + np.array([x, y]), colour)

    def box(self, left: float, top: float, right: float, bottom: float, colour: RGB) -> None:
        """Fills a rectangle."""
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], colour)
