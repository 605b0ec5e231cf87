"""What an upscaler can be called without any file: ways of resampling pixels, and of resampling latents.

The names are A1111's, so that recipes of its pictures mean the same here.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from PIL import Image

LANCZOS: Final = "Lanczos"

RESAMPLING: Final = {
    LANCZOS: Image.Resampling.LANCZOS,
    "Nearest": Image.Resampling.NEAREST,
    "Bicubic": Image.Resampling.BICUBIC,
}
"""Upscalers of pixels that are always there."""


class LatentMode(NamedTuple):
    """How latents are resampled: ``torch.nn.functional.interpolate``'s ``mode`` and ``antialias``."""

    mode: str
    antialias: bool


LATENT: Final = {
    "Latent": LatentMode("bilinear", antialias=False),
    "Latent (antialiased)": LatentMode("bilinear", antialias=True),
    "Latent (bicubic)": LatentMode("bicubic", antialias=False),
    "Latent (bicubic antialiased)": LatentMode("bicubic", antialias=True),
    "Latent (nearest)": LatentMode("nearest", antialias=False),
    "Latent (nearest-exact)": LatentMode("nearest-exact", antialias=False),
}
"""Upscalers of latents; only hires fix has latents to give them."""


def built_in(name: str) -> str | None:
    """The exact name of a built-in upscaler in any case; ``None`` and an empty name are Lanczos; None = it is a file's.

    A1111's upscaler "None" leaves a picture as it is and then resizes it by Lanczos, so it is that here.
    """
    plain = " ".join(name.split()).lower()
    if plain in ("", "none"):
        return LANCZOS
    return next((known for known in (*RESAMPLING, *LATENT) if known.lower() == plain), None)
