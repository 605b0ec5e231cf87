"""The colours of the starter model's world: their names, what else people call them, and how they look."""

from __future__ import annotations

import numpy as np

RGB = tuple[int, int, int]

COLOURS: dict[str, RGB] = {
    "red": (214, 40, 40),
    "orange": (245, 132, 31),
    "yellow": (250, 215, 60),
    "green": (52, 160, 70),
    "teal": (38, 178, 178),
    "blue": (42, 86, 214),
    "purple": (124, 52, 172),
    "pink": (246, 140, 186),
    "brown": (120, 76, 40),
    "black": (22, 22, 28),
    "gray": (134, 136, 142),
    "white": (244, 244, 240),
}

SYNONYMS: dict[str, tuple[str, ...]] = {
    "red": ("red", "scarlet", "crimson"),
    "teal": ("teal", "turquoise", "cyan"),
    "purple": ("purple", "violet"),
    "gray": ("gray", "grey"),
    "yellow": ("yellow", "golden"),
}


def shade(name: str, rng: np.random.Generator, amount: float = 7.0) -> RGB:
    """Returns the named colour a little off, as no two tubes of paint are quite the same.

    Args:
        name: A key of `COLOURS`.
        rng: Where the chance comes from.
        amount: The standard deviation of each channel, in levels of 255.
    """
    off = np.clip(rng.normal(0.0, amount, 3), -2 * amount, 2 * amount)
    return mixed(COLOURS[name], off)


def mixed(colour: RGB, offset: np.ndarray | float) -> RGB:
    """Returns a colour with an offset added to its channels, clipped to what a picture can hold."""
    red, green, blue = np.clip(np.asarray(colour, dtype=float) + offset, 0, 255).astype(int).tolist()
    return red, green, blue


def blend(first: RGB, second: RGB, share: float) -> RGB:
    """Returns the colour that lies `share` of the way from the first to the second."""
    return mixed(first, share * (np.asarray(second, dtype=float) - np.asarray(first, dtype=float)))


def spoken(name: str, rng: np.random.Generator, share: float = 0.2) -> str:
    """Returns a word for the colour: its name, or now and then one of its synonyms."""
    words = SYNONYMS.get(name, (name,))
    return str(rng.choice(words)) if rng.random() < share else name
