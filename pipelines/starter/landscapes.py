"""How landscapes are painted: a sky for the time of day, the land, and what is in either."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.starter.canvas import Brush, Canvas
from pipelines.starter.palette import RGB, blend, mixed
from pipelines.starter.things import draw
from pipelines.starter.world import Landscape


@dataclass(frozen=True)
class _Light:
    top: RGB
    low: RGB
    tint: RGB
    share: float


_LIGHTS = {
    "day": _Light((72, 148, 232), (186, 224, 250), (255, 255, 255), 0.0),
    "sunset": _Light((116, 60, 130), (252, 140, 60), (150, 50, 40), 0.38),
    "night": _Light((8, 10, 34), (34, 42, 92), (10, 14, 44), 0.68),
    "dawn": _Light((140, 160, 222), (252, 204, 206), (206, 150, 190), 0.32),
}
_HORIZONS = {"hills": 0.2, "sea": 0.05, "mountains": 0.4, "desert": 0.2, "beach": 0.0}


def _lit(colour: RGB, light: _Light) -> RGB:
    return blend(colour, light.tint, light.share)


def _ridge(canvas: Canvas, level: float, swing: float, phase: float, waves: float, colour: RGB) -> None:
    across = np.linspace(-1, 1, 60)
    down = level + swing * np.sin(waves * across + phase)
    canvas.polygon([(-1, 1.1), *zip(across.tolist(), down.tolist(), strict=True), (1, 1.1)], colour)


def _peak(canvas: Canvas, x: float, top: float, half: float, foot: float, rock: RGB, snow: RGB) -> None:
    canvas.polygon([(x - half, foot), (x, top), (x + half, foot)], rock)
    cap = 0.36
    low = top + cap * (foot - top)
    mid = top + 0.7 * cap * (foot - top)
    left, right = x - cap * half, x + cap * half
    canvas.polygon([(left, low), (x, top), (right, low), (x + 0.12 * half, mid), (x - 0.1 * half, low)], snow)


def _land(canvas: Canvas, terrain: str, light: _Light, rng: np.random.Generator) -> None:
    phase = float(rng.uniform(-0.7, 0.7))
    level = _HORIZONS[terrain] + float(rng.uniform(-0.05, 0.05))
    if terrain == "hills":
        _ridge(canvas, level, 0.13, phase, 3.2, _lit((136, 196, 92), light))
        _ridge(canvas, level + 0.32, 0.11, phase + 2.4, 3.8, _lit((84, 160, 70), light))
    elif terrain == "sea":
        canvas.gradient(_lit((64, 150, 200), light), _lit((20, 80, 150), light), level, 1.0)
        for row in range(3):
            y = level + 0.2 + 0.25 * row
            x = (-0.6, 0.35, -0.2)[row] + float(rng.uniform(-0.12, 0.12))
            canvas.line([(x - 0.2, y), (x + 0.2, y)], _lit((150, 206, 232), light), 0.035)
    elif terrain == "mountains":
        rock, snow = _lit((112, 116, 136), light), _lit((246, 248, 252), light)
        _peak(canvas, 0.5 + 0.1 * phase, -0.25, 0.75, level + 0.3, blend(rock, light.low, 0.25), snow)
        _peak(canvas, -0.3 + 0.1 * phase, -0.5, 0.9, level + 0.3, rock, snow)
        _ridge(canvas, level + 0.1, 0.05, phase, 3.0, _lit((82, 140, 84), light))
    elif terrain == "desert":
        _ridge(canvas, level, 0.12, phase, 2.6, _lit((240, 196, 116), light))
        _ridge(canvas, level + 0.34, 0.12, phase + 2.8, 3.0, _lit((222, 164, 84), light))
    else:
        canvas.gradient(_lit((60, 160, 204), light), _lit((96, 200, 210), light), level, 0.8)
        canvas.polygon([(-1, 0.62), (0.1, 0.42), (1, 0.3), (1, 1.1), (-1, 1.1)], _lit((244, 220, 160), light))


def _cloud(canvas: Canvas, x: float, y: float, colour: RGB) -> None:
    for dx, dy, size in ((-0.2, 0.03, 0.13), (0.0, -0.05, 0.18), (0.21, 0.02, 0.14)):
        canvas.ellipse(x + dx, y + dy, size, size * 0.82, colour)
    canvas.box(x - 0.24, y + 0.02, x + 0.26, y + 0.13, colour)


def _heavens(canvas: Canvas, sky: str, time: str, light: _Light, rng: np.random.Generator) -> None:
    dx, dy = rng.uniform(-0.08, 0.08, 2)
    if sky == "sun":
        low = {"sunset": 0.2, "dawn": 0.2}.get(time, 0.0)
        colour = {"day": (255, 226, 84), "sunset": (255, 218, 110), "dawn": (255, 240, 190)}[time]
        canvas.ellipse(0.42 + dx, -0.58 + low + dy, 0.21, 0.21, colour)
    elif sky == "moon":
        draw("moon", Brush(canvas, 0.42 + dx, -0.55 + dy, 0.24, 25), (248, 242, 208))
    elif sky == "stars":
        for index in range(11):
            x, y = -0.88 + 0.176 * index, -0.9 + 0.62 * ((index * 0.618) % 1.0)
            draw("star", Brush(canvas, x + dx, y + dy, 0.055 + 0.02 * (index % 3)), (252, 246, 214))
    elif sky == "clouds":
        colour = blend((252, 252, 254), light.tint if light.share else (255, 255, 255), light.share * 0.7)
        for x, y in ((-0.5, -0.6), (0.45, -0.72), (0.0, -0.34)):
            _cloud(canvas, x + dx, y + dy, colour)


def _subject(canvas: Canvas, subject: str, light: _Light, rng: np.random.Generator) -> None:
    x = float(rng.uniform(-0.1, 0.1))
    if subject == "house":
        draw("house", Brush(canvas, x - 0.3, 0.22, 0.32), _lit((206, 70, 54), light))
    elif subject == "tree":
        draw("tree", Brush(canvas, x - 0.35, 0.1, 0.46), _lit((48, 122, 54), light))
    elif subject == "boat":
        draw("boat", Brush(canvas, x - 0.2, 0.2, 0.4), _lit((196, 60, 48), light))
    elif subject == "pine trees":
        for dx, size in ((-0.6, 0.36), (-0.2, 0.3), (0.25, 0.38)):
            brush = Brush(canvas, x + dx, 0.55, size)
            brush.box(-0.12, 0.6, 0.12, 1.0, _lit((96, 62, 38), light))
            for top, half in ((-1.0, 0.45), (-0.55, 0.6), (-0.1, 0.75)):
                brush.polygon([(-half, top + 0.75), (0, top), (half, top + 0.75)], _lit((30, 92, 60), light))
    elif subject == "cactus":
        brush, green = Brush(canvas, x - 0.35, 0.3, 0.42), _lit((58, 140, 74), light)
        brush.ellipse(0, 0, 0.2, 1.0, green)
        for side, height in ((-1, -0.1), (1, 0.15)):
            brush.box(min(0, side * 0.6), height, max(0, side * 0.6), height + 0.24, green)
            brush.ellipse(side * 0.58, height - 0.15, 0.15, 0.42, green)
    else:
        brush = Brush(canvas, x - 0.38, 0.22, 0.56)
        brush.polygon([(-0.1, 1.0), (0.02, -0.6), (0.14, -0.6), (0.14, 1.0)], _lit((124, 84, 48), light))
        for tilt, side in ((-28, -1), (18, -1), (-18, 1), (28, 1), (80, 1)):
            reach = 0.38 if tilt != 80 else 0.0
            brush.ellipse(0.08 + side * reach, -0.62 + (0.1 if tilt != 80 else -0.25), 0.44, 0.13,
                          _lit((44, 138, 70), light), tilt)  # fmt: skip


def _falling(canvas: Canvas, sky: str, rng: np.random.Generator) -> None:
    dx, dy = rng.uniform(-0.06, 0.06, 2)
    for index in range(30):
        x, y = -1 + 2 * ((index * 0.7549 + dx) % 1.0), -1 + 2 * ((index * 0.5698 + dy) % 1.0)
        if sky == "snow":
            canvas.ellipse(x, y, 0.035, 0.035, (252, 252, 255))
        else:
            canvas.line([(x, y), (x - 0.05, y + 0.16)], (206, 222, 242), 0.024)


def paint_landscape(canvas: Canvas, scene: Landscape, rng: np.random.Generator) -> None:
    """Paints a landscape over the whole canvas.

    Args:
        canvas: What is painted on.
        scene: What it shows.
        rng: Where the chance of its details comes from.
    """
    light = _LIGHTS[scene.time]
    if scene.sky in ("rain", "snow") and scene.time == "day":
        light = _Light((112, 126, 150), (176, 186, 200), (120, 130, 150), 0.3)
    off = float(rng.uniform(-8, 8))
    canvas.gradient(mixed(light.top, off), mixed(light.low, off), -1.0, _HORIZONS[scene.terrain] + 0.3)
    if scene.sky is not None:
        _heavens(canvas, scene.sky, scene.time, light, rng)
    _land(canvas, scene.terrain, light, rng)
    if scene.subject is not None:
        _subject(canvas, scene.subject, light, rng)
    if scene.sky in ("rain", "snow"):
        _falling(canvas, scene.sky, rng)
