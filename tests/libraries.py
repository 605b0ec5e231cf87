"""Libraries and pictures for the tests of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from pipelines.events import ImageFinished
from webui.library.formats import Saving
from webui.library.store import Library


class ModelNamed:
    """A model as far as a recipe needs one."""

    hash = None

    def __init__(self, name: str) -> None:
        self.id, self.name = name, name.title()


def picture(seed: int = 7, size: int = 64) -> ImageFinished:
    """A finished picture of noise, the same for the same seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return ImageFinished(0, Image.fromarray(pixels, "RGB"), seed)


def smooth(size: tuple[int, int] = (64, 64)) -> Image.Image:
    """A picture that lossy formats keep well."""
    across = np.linspace(0, 255, size[0], dtype=np.uint8)
    down = np.linspace(0, 255, size[1], dtype=np.uint8)
    red, green = np.meshgrid(across, down)
    return Image.fromarray(np.dstack([red, green, np.full_like(red, 120)]), "RGB")


@contextmanager
def opened(folder: Path, saving: Saving | None = None) -> Iterator[Library]:
    """A library that is closed afterwards."""
    library = Library(folder, saving)
    try:
        yield library
    finally:
        library.close()


def ids(pictures) -> list[str]:
    return [one.id for one in pictures]
