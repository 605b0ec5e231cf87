"""Pictures whose opposite edges meet: networks whose convolutions go round the edge, for as long as they are asked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import torch
from torch.nn import functional as F

from .memory import first_that_fits, tiled

MARGIN: Final = 16
"""Latents of the other side that a decoder sees beyond each edge where it works tile by tile: a tile's own overlap."""


@contextlib.contextmanager
def circular(network: torch.nn.Module) -> Iterator[None]:
    """Lets a network's convolutions see, beyond an edge, what is at the opposite one; afterwards zeros, as before.

    The weights are everybody's: only the thread that calls the networks may open it, around one call.

    Args:
        network: A U-Net or VAE, with or without LoRAs.
    """
    padded = [
        layer
        for layer in network.modules()
        if isinstance(layer, torch.nn.Conv2d) and layer.padding_mode == "zeros" and layer.padding not in (0, (0, 0))
    ]
    try:
        for layer in padded:
            layer.padding_mode = "circular"
        yield
    finally:
        for layer in padded:
            layer.padding_mode = "zeros"


def decode_seamlessly(vae: Any, latents: torch.Tensor, decode: Callable[[torch.Tensor], Any]) -> Any:
    """Decodes latents that go on round their edges; where memory does not suffice, tile by tile.

    Args:
        vae: The network.
        latents: Shape [batch, channels, rows, columns].
        decode: Decodes latents, as the network's own ``decode``.

    Returns:
        What ``decode`` gives.
    """

    def in_one() -> Any:
        with circular(vae):
            return decode(latents)

    def in_tiles() -> Any:
        """A tile's edge is seldom the picture's: so the picture is given a border of its other side instead."""
        rows, columns = (min(MARGIN, side) for side in latents.shape[-2:])
        bordered = F.pad(latents, (columns, columns, rows, rows), mode="circular")
        with tiled(vae):
            return _without_border(decode(bordered), bordered, rows, columns)

    if getattr(vae, "use_tiling", False):  # its plan says so
        return in_tiles()
    return first_that_fits([in_one, in_tiles])


def _without_border(result: Any, bordered: torch.Tensor, rows: int, columns: int) -> Any:
    def cut(picture: torch.Tensor) -> torch.Tensor:
        factor = picture.shape[-1] // bordered.shape[-1]
        top, left = rows * factor, columns * factor
        return picture[..., top : picture.shape[-2] - top, left : picture.shape[-1] - left]

    return (cut(result[0]),) if isinstance(result, tuple) else type(result)(sample=cut(result.sample))
