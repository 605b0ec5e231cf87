"""The small network of Real-ESRGAN: plain convolutions at the picture's own size, quick enough for a CPU.

Real-ESRGAN's general and video models (``realesr-general-x4v3``, ``realesr-animevideov3``) are of this kind; it adds
what it found to the picture enlarged by its nearest neighbours, and shuffles channels into pixels at the end
(Shi et al. 2016).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import nn
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class CompactShape:
    """How large a network is.

    Attributes:
        layers: Convolutions between the first and the last.
        features: Channels inside.
        scale: How many times larger the sides come out.
        channels: Of the picture.
    """

    layers: int = 32
    features: int = 64
    scale: int = 4
    channels: int = 3


class CompactNet(nn.Module):
    """The whole network. Its parameters have Real-ESRGAN's names.

    Args:
        shape: How large it is.
    """

    step = 1
    """What the sides of a picture must be multiples of."""

    def __init__(self, shape: CompactShape) -> None:
        super().__init__()
        self.shape = shape
        inner, features = [], shape.features
        for _ in range(shape.layers):
            inner += [nn.Conv2d(features, features, 3, padding=1), nn.PReLU(features)]
        first = [nn.Conv2d(shape.channels, features, 3, padding=1), nn.PReLU(features)]
        last = nn.Conv2d(features, shape.channels * shape.scale**2, 3, padding=1)
        self.body = nn.Sequential(*first, *inner, last)

    @property
    def scale(self) -> int:
        """How many times larger the sides come out."""
        return self.shape.scale

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        """Enlarges pictures of shape [batch, channels, height, width], 0 … 1."""
        found = F.pixel_shuffle(cast(torch.Tensor, self.body(picture)), self.scale)
        return found + F.interpolate(picture, scale_factor=self.scale, mode="nearest")
