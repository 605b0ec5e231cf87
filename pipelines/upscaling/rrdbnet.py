"""The network of ESRGAN and Real-ESRGAN: residual-in-residual dense blocks.

Wang et al. 2018 (ESRGAN, section 3.1 and figure 4) describe it: dense blocks of five convolutions, three of them a
residual block, both residuals scaled by 0.2, leaky rectifiers of slope 0.2, nearest-neighbour enlargement by two.
Wang et al. 2021 (Real-ESRGAN, section 3.3) shuffle pixels into channels before it for scales 1 and 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

import torch
from torch import nn
from torch.nn import functional as F

RESIDUAL: Final = 0.2
SLOPE: Final = 0.2


@dataclass(frozen=True, slots=True)
class RrdbShape:
    """How large a network is.

    Attributes:
        blocks: Residual-in-residual blocks; 23 as published, 6 in the one for drawings.
        features: Channels inside; 64 as published.
        growth: Channels that each convolution of a dense block adds; 32 as published.
        doublings: How many times it doubles the sides.
        unshuffle: By how much the sides are shrunk into channels before; 1 = not at all.
        channels: Of the picture.
    """

    blocks: int = 23
    features: int = 64
    growth: int = 32
    doublings: int = 2
    unshuffle: int = 1
    channels: int = 3

    @property
    def scale(self) -> int:
        """How many times larger the sides come out."""
        return int(2**self.doublings // self.unshuffle)


class DenseBlock(nn.Module):
    """Five convolutions, each of which sees what all before it made."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        for number in range(1, 5):
            setattr(self, f"conv{number}", nn.Conv2d(features + (number - 1) * growth, growth, 3, padding=1))
        self.conv5 = nn.Conv2d(features + 4 * growth, features, 3, padding=1)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        """Shape and number of channels stay."""
        seen = picture
        for number in range(1, 5):
            made = F.leaky_relu(getattr(self, f"conv{number}")(seen), SLOPE)
            seen = torch.cat((seen, made), dim=1)
        return picture + RESIDUAL * cast(torch.Tensor, self.conv5(seen))


class ResidualBlock(nn.Module):
    """Three dense blocks and a way around them."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (DenseBlock(features, growth) for _ in range(3))

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        """Shape and number of channels stay."""
        return picture + RESIDUAL * cast(torch.Tensor, self.rdb3(self.rdb2(self.rdb1(picture))))


class RrdbNet(nn.Module):
    """The whole network. Its parameters have Real-ESRGAN's names.

    Args:
        shape: How large it is.
    """

    def __init__(self, shape: RrdbShape) -> None:
        super().__init__()
        features = shape.features
        self.shape = shape
        self.conv_first = nn.Conv2d(shape.channels * shape.unshuffle**2, features, 3, padding=1)
        self.body = nn.Sequential(*(ResidualBlock(features, shape.growth) for _ in range(shape.blocks)))
        self.conv_body = nn.Conv2d(features, features, 3, padding=1)
        for number in range(1, shape.doublings + 1):
            setattr(self, f"conv_up{number}", nn.Conv2d(features, features, 3, padding=1))
        self.conv_hr = nn.Conv2d(features, features, 3, padding=1)
        self.conv_last = nn.Conv2d(features, shape.channels, 3, padding=1)

    @property
    def scale(self) -> int:
        """How many times larger the sides come out."""
        return self.shape.scale

    @property
    def step(self) -> int:
        """What the sides of a picture must be multiples of."""
        return self.shape.unshuffle

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        """Enlarges pictures.

        Args:
            picture: Shape [batch, channels, height, width], 0 … 1; sides are multiples of ``step``.
        """
        if self.shape.unshuffle > 1:
            picture = F.pixel_unshuffle(picture, self.shape.unshuffle)
        first = self.conv_first(picture)
        made: torch.Tensor = first + self.conv_body(self.body(first))
        for number in range(1, self.shape.doublings + 1):
            larger = F.interpolate(made, scale_factor=2, mode="nearest")
            made = F.leaky_relu(getattr(self, f"conv_up{number}")(larger), SLOPE, inplace=True)
        return cast(torch.Tensor, self.conv_last(F.leaky_relu(self.conv_hr(made), SLOPE, inplace=True)))
