"""Where the small, quick VAE of a model lies: in its own folder, or beside it by the name that its kind has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from .extras import ExtraFile
from .models import ModelInfo

TINY_VAE: Final = "taesd"
"""What a request's ``vae`` calls it, and its folder inside a model's own."""

NAMES: Final = {
    "stable-diffusion": "taesd",
    "stable-diffusion-2": "taesd",
    "stable-diffusion-xl": "taesdxl",
    "stable-diffusion-xl-refiner": "taesdxl",
    "stable-diffusion-3": "taesd3",
    "flux": "taef1",
    "z-image": "taef1",
}
"""Its name for each family, given by who made it (Bohan, TAESD); latents of as many channels can mean other colours."""


def tiny_vae(model: ModelInfo, vaes: Sequence[ExtraFile]) -> Path | None:
    """The folder of a model's small VAE, or None where there is none.

    Args:
        model: Which model.
        vaes: The VAE files there are; a small one may lie among them.
    """
    return next((folder for folder in _places(model, vaes) if (folder / "config.json").is_file()), None)


def _places(model: ModelInfo, vaes: Sequence[ExtraFile]) -> Iterator[Path]:
    if model.file is None:
        yield model.folder / TINY_VAE
    if model.family in NAMES:
        yield model.place.parent / NAMES[model.family]
        yield from sorted({vae.path.parent / NAMES[model.family] for vae in vaes})
