"""Says what a picture shows, in the several ways people write prompts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.starter.palette import spoken
from pipelines.starter.world import Landscape, Scene, Single

THING_WORDS = {
    "circle": ("circle", "disc", "dot"),
    "square": ("square", "box"),
    "diamond": ("diamond", "rhombus"),
    "cat": ("cat", "kitten", "cat face"),
    "house": ("house", "cottage"),
    "moon": ("moon", "crescent moon"),
    "boat": ("boat", "sailboat"),
    "mushroom": ("mushroom", "toadstool"),
}
SIZE_WORDS = {"small": ("small", "tiny", "little"), "large": ("large", "big", "huge")}
TERRAIN_WORDS = {
    "hills": ("hills", "green hills", "rolling hills", "a meadow"),
    "sea": ("the sea", "the ocean", "the sea", "a calm sea"),
    "mountains": ("mountains", "snowy mountains", "a mountain landscape"),
    "desert": ("a desert", "the desert", "sand dunes"),
    "beach": ("a beach", "the beach", "a sandy beach"),
}
TIME_WORDS = {
    "day": ("by day", "in daylight", "during the day", "under a blue sky"),
    "sunset": ("at sunset", "in the evening", "at dusk"),
    "night": ("at night", "in the dark night", "at midnight"),
    "dawn": ("at dawn", "at sunrise", "in the early morning"),
}
SKY_WORDS = {
    "sun": ("with a sun", "with the sun in the sky", "with a bright sun"),
    "clouds": ("with clouds", "under clouds", "with a cloudy sky"),
    "rain": ("in the rain", "with rain", "on a rainy day"),
    "snow": ("in the snow", "with falling snow", "with snow"),
    "moon": ("with a moon", "under the moon", "with a crescent moon"),
    "stars": ("with stars", "under the stars", "with a starry sky"),
}
SUBJECT_WORDS = {
    "house": ("a house", "a small house", "a red house"),
    "tree": ("a tree", "a green tree"),
    "boat": ("a boat", "a sailboat", "a red boat"),
    "pine trees": ("pine trees", "fir trees", "a forest"),
    "cactus": ("a cactus", "a green cactus"),
    "palm tree": ("a palm tree", "a palm"),
}
OPENINGS = ("", "", "", "a picture of ", "a painting of ", "a drawing of ", "an illustration of ")


def _one(words: Sequence[str], rng: np.random.Generator) -> str:
    return words[int(rng.integers(len(words)))]


def _articled(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _placed(place: str, ground: str, rng: np.random.Generator) -> str:
    """Says where the thing is, the background included."""
    of = _articled(f"{ground} background")
    if place == "center":
        return _one((f"in the center of {of}", f"in the middle of {of}", f"on {of}, centered"), rng)
    if place in ("left", "right"):
        return _one(
            (
                f"on the {place} of {of}",
                f"at the {place} of {of}",
                f"on the {place} side of {of}",
                f"on {of}, {place}",
            ),
            rng,
        )
    corner = "" if place in ("top", "bottom") else " corner"
    return _one(
        (f"at the {place} of {of}", f"in the {place}{corner} of {of}", f"on {of}, at the {place}{corner}"),
        rng,
    )


def _single(scene: Single, rng: np.random.Generator) -> str:
    thing = scene.thing
    if rng.random() < 0.15:
        thing = _one(THING_WORDS.get(scene.thing, (scene.thing,)), rng)
    size = f"{_one(SIZE_WORDS[scene.size], rng)} " if scene.size else ""
    what = f"{size}{spoken(scene.colour, rng)} {thing}"
    ground = spoken(scene.background, rng)
    if scene.place is not None:
        if rng.random() < 0.15:
            return f"{what}, {scene.place}, {ground} background"
        return f"{_one(OPENINGS, rng)}{_articled(what)} {_placed(scene.place, ground, rng)}"
    way = rng.random()
    if way < 0.62:
        return f"{_one(OPENINGS, rng)}{_articled(what)} on {_articled(ground)} background"
    if way < 0.77:
        return f"{what}, {ground} background"
    if way < 0.86:
        return f"{_articled(what)} on {ground}"
    if way < 0.93:
        return f"{what} on {ground} background"
    return f"{_articled(what)} against {_articled(ground)} background"


def _landscape(scene: Landscape, rng: np.random.Generator) -> str:
    time = _one(TIME_WORDS[scene.time], rng) if scene.time != "day" or rng.random() < 0.7 else ""
    if scene.sky in ("rain", "snow", "clouds") and scene.time == "day":
        time = ""  # "under a blue sky in the rain" is a picture of nothing
    sky = _one(SKY_WORDS[scene.sky], rng) if scene.sky else ""
    terrain = _one(TERRAIN_WORDS[scene.terrain], rng)
    if scene.subject is None:
        opening = _one(OPENINGS, rng)
        if not opening and rng.random() < 0.5:
            terrain = terrain.removeprefix("the ").removeprefix("a ")
        parts = [opening + terrain, time, sky]
    else:
        subject = _one(SUBJECT_WORDS[scene.subject], rng)
        way = rng.random()
        if way < 0.4:
            parts = [_one(OPENINGS, rng) + terrain, time, sky, f"and {subject}"]
        elif way < 0.7:
            on = "on" if scene.terrain in ("sea", "hills", "beach") else "in"
            parts = [f"{_one(OPENINGS, rng)}{subject} {on} {terrain}", time, sky]
        else:
            parts = [f"{_one(OPENINGS, rng)}{terrain} with {subject}", time, sky.replace("with ", "and ")]
    if rng.random() < 0.25:
        return ", ".join(part.removeprefix("and ") for part in parts if part)
    return " ".join(part for part in parts if part)


def caption(scene: Scene, rng: np.random.Generator) -> str:
    """Returns one of the many ways to ask for the scene.

    Args:
        scene: What the picture shows.
        rng: Which way.
    """
    return _single(scene, rng) if isinstance(scene, Single) else _landscape(scene, rng)
