"""From the seed somebody asked for to the noise each picture starts with."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from .request import LARGEST_SEED

if TYPE_CHECKING:
    import torch


def resolve_seeds(seed: int, count: int) -> tuple[int, ...]:
    """Gives every picture its own seed: picture *i* uses seed + *i*, so that it can be made again alone.

    Args:
        seed: -1 draws a random one; 0 is an ordinary seed.
        count: Pictures to make.

    Returns:
        Seeds in 0 … 4294967295; beyond the largest they start again at 0.
    """
    first = secrets.randbelow(LARGEST_SEED + 1) if seed == -1 else seed
    return tuple((first + index) % (LARGEST_SEED + 1) for index in range(count))


def generator_for(seed: int) -> torch.Generator:
    """Makes the noise source of one picture: on the CPU, so that it is the same on every machine."""
    import torch

    return torch.Generator("cpu").manual_seed(seed)
