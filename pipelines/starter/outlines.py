"""The outlines of the plain shapes, as polygons; the painter fills them and the judge compares with them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Polygon = NDArray[np.float64]


def _ring(count: int, start: float = 0.0) -> Polygon:
    turn = start + 2 * np.pi * np.arange(count) / count
    return np.stack([np.cos(turn), np.sin(turn)], axis=1)


def _circle() -> Polygon:
    return _ring(72)


def _square() -> Polygon:
    return np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * 0.9


def _triangle() -> Polygon:
    return np.array([(0, -1.0), (1.05, 0.85), (-1.05, 0.85)])


def _star() -> Polygon:
    points = _ring(10, -np.pi / 2) * 1.12
    points[1::2] *= 0.42
    lowered: Polygon = points + np.array([0.0, 0.08])
    return lowered


def _heart() -> Polygon:
    turn = 2 * np.pi * np.arange(96) / 96
    across = 16 * np.sin(turn) ** 3
    down = -(13 * np.cos(turn) - 5 * np.cos(2 * turn) - 2 * np.cos(3 * turn) - np.cos(4 * turn))
    return np.stack([across, down - 2.5], axis=1) / 15.5


def _diamond() -> Polygon:
    return np.array([(0, -1.12), (0.76, 0), (0, 1.12), (-0.76, 0)])


def outlines() -> dict[str, Polygon]:
    """Returns the plain shapes by name: polygons of points (x, y) about −1 to 1, y downwards."""
    return {
        "circle": _circle(),
        "square": _square(),
        "triangle": _triangle(),
        "star": _star(),
        "heart": _heart(),
        "diamond": _diamond(),
    }


def turned(points: Polygon, degrees: float) -> Polygon:
    """Returns the polygon rotated about its origin."""
    angle = np.deg2rad(degrees)
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned_points: Polygon = points @ matrix
    return turned_points
