"""Philox 4×32-10, the counter-based random numbers of NVIDIA's GPUs (Salmon et al. 2011), in numpy.

torch draws a normal tensor on such a GPU with one counter for each element and one more for each call; the two first of
a counter's four numbers make one normal number (Box & Muller 1958). So any machine can draw what the GPU would. (A GPU
that cannot give each element a thread of its own, at some hundred thousand of them, draws otherwise beyond those.)
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]

_MULTIPLIERS: Final = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_KEY_STEPS: Final = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
_ROUNDS: Final = 10
_LOW: Final = np.uint64(0xFFFFFFFF)
_HALF: Final = np.uint64(32)


def philox(counter: tuple[Words, Words, Words, Words], seed: int) -> tuple[Words, Words, Words, Words]:
    """Mixes counters with a key: ten rounds of Philox 4×32 (section 4.3 of the paper).

    Args:
        counter: Four arrays of one shape, values below 2³².
        seed: The key: 64 bits.

    Returns:
        Four arrays of random numbers below 2³².
    """
    one, two, three, four = counter
    low, high = np.uint64(seed & 0xFFFFFFFF), np.uint64(seed >> 32 & 0xFFFFFFFF)
    for _ in range(_ROUNDS):
        first, third = one * _MULTIPLIERS[0], three * _MULTIPLIERS[1]
        one, two, three, four = (third >> _HALF) ^ two ^ low, third & _LOW, (first >> _HALF) ^ four ^ high, first & _LOW
        low, high = (low + _KEY_STEPS[0]) & _LOW, (high + _KEY_STEPS[1]) & _LOW
    return one, two, three, four


class PhiloxNormals:
    """The normal numbers that ``torch.randn`` draws on an NVIDIA GPU, call after call.

    Args:
        seed: As given to ``torch.Generator("cuda").manual_seed``.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._calls = 0

    def draw(self, count: int) -> NDArray[np.float32]:
        """Draws the next call's numbers.

        Args:
            count: How many.

        Returns:
            Shape [count].
        """
        each = np.arange(count, dtype=np.uint64)
        zero = np.zeros_like(each)
        first, second, _, _ = philox((np.full_like(each, self._calls), zero, each, zero), self._seed)
        self._calls += 1
        # The middle of each of 2³² equal parts of 0 … 1 and of a turn: never 0, whose logarithm there is not.
        radius = np.sqrt(-2.0 * np.log((first.astype(np.float64) + 0.5) * 2.0**-32))
        angle = (second.astype(np.float64) + 0.5) * (2.0**-32 * 2.0 * math.pi)
        return (radius * np.sin(angle)).astype(np.float32)
