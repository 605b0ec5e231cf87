"""What a picture of the starter model's world may hold, and how one is drawn by lot."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from pipelines.starter.palette import COLOURS

SHAPES = ("circle", "square", "triangle", "star", "heart", "diamond")
CHARMS = ("cat", "fish", "house", "tree", "flower", "moon", "boat", "mushroom")
THINGS = SHAPES + CHARMS
# How often each is painted: points and corners are the hardest to learn, so they come most.
WEIGHTS = {
    "circle": 1.5,
    "square": 1.6,
    "triangle": 2.0,
    "star": 3.0,
    "heart": 2.2,
    "diamond": 2.4,
} | dict.fromkeys(CHARMS, 0.75)
PLACES = {
    "center": (0.0, 0.0),
    "left": (-1.0, 0.0),
    "right": (1.0, 0.0),
    "top": (0.0, -1.0),
    "bottom": (0.0, 1.0),
    "top left": (-1.0, -1.0),
    "top right": (1.0, -1.0),
    "bottom left": (-1.0, 1.0),
    "bottom right": (1.0, 1.0),
}
SIZES = ("small", "large")
TERRAINS = ("hills", "sea", "mountains", "desert", "beach")
SUBJECTS = {
    "hills": ("house", "tree"),
    "sea": ("boat",),
    "mountains": ("pine trees",),
    "desert": ("cactus",),
    "beach": ("palm tree",),
}
TIMES = ("day", "sunset", "night", "dawn")
SKIES = {
    "day": ("sun", "clouds", "rain", "snow"),
    "sunset": ("sun", "clouds"),
    "night": ("moon", "stars", "snow"),
    "dawn": ("sun", "clouds"),
}


@dataclass(frozen=True)
class Single:
    """One thing of one colour on a plain background.

    Attributes:
        colour: The thing's colour, a key of `COLOURS`.
        thing: One of `THINGS`.
        background: The background's colour, another key of `COLOURS`.
        size: One of `SIZES`, or None where nothing is said of it.
        place: One of `PLACES`, or None where nothing is said of it (then it is in the middle).
    """

    colour: str
    thing: str
    background: str
    size: str | None = None
    place: str | None = None


@dataclass(frozen=True)
class Landscape:
    """A scene outdoors.

    Attributes:
        terrain: One of `TERRAINS`.
        time: One of `TIMES`.
        sky: What the sky holds, of `SKIES[time]`, or None.
        subject: What stands in the scene, of `SUBJECTS[terrain]`, or None.
    """

    terrain: str
    time: str
    sky: str | None = None
    subject: str | None = None


Scene = Single | Landscape


def held_out(colour: str, thing: str, background: str) -> bool:
    """Says whether training never sees this combination: a fixed fifth, the judge's unseen prompts."""
    return zlib.crc32(f"{colour} {thing} {background}".encode()) % 5 == 0


def combinations(things: tuple[str, ...] = THINGS, *, unseen: bool) -> list[Single]:
    """Returns every (colour, thing, background) of the held-out fifth, or every one of the rest."""
    return [
        Single(colour, thing, background)
        for thing in things
        for colour in COLOURS
        for background in COLOURS
        if colour != background and held_out(colour, thing, background) == unseen
    ]


def random_single(rng: np.random.Generator) -> Single:
    """Draws a single thing that is not held out."""
    weights = np.array([WEIGHTS[thing] for thing in THINGS])
    while True:
        thing = str(rng.choice(THINGS, p=weights / weights.sum()))
        colour, background = (str(name) for name in rng.choice(list(COLOURS), 2, replace=False))
        if not held_out(colour, thing, background):
            break
    lot = rng.random()
    if lot < 0.60:
        return Single(colour, thing, background)
    size = str(rng.choice(SIZES))
    if lot < 0.74:
        return Single(colour, thing, background, size)
    place = str(rng.choice(list(PLACES)))
    return Single(colour, thing, background, "small" if rng.random() < 0.35 else None, place)


def random_landscape(rng: np.random.Generator) -> Landscape:
    """Draws a landscape."""
    terrain, time = str(rng.choice(TERRAINS)), str(rng.choice(TIMES))
    sky = str(rng.choice(SKIES[time])) if rng.random() < 0.75 else None
    subject = str(rng.choice(SUBJECTS[terrain])) if rng.random() < 0.5 else None
    return Landscape(terrain, time, sky, subject)


def random_scene(rng: np.random.Generator, landscapes: float = 0.36) -> Scene:
    """Draws a picture's content.

    Args:
        rng: Where the chance comes from.
        landscapes: The share of landscapes.
    """
    return random_landscape(rng) if rng.random() < landscapes else random_single(rng)
