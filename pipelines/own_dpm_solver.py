"""DPM-Solver steps of order 1, 2 and 3 (Lu et al. 2022, equation 3.7 and algorithms 1 and 2).

With ε = (x - D)/σ and λ = -log σ, over a step of h from σ to τ; in coordinates divided by α.
"""

from __future__ import annotations

import math
from collections.abc import Generator

import torch

Step = Generator[torch.Tensor, tuple[torch.Tensor, torch.Tensor], torch.Tensor]
"""Gives the samples of a step's further calls, is sent (sample, clean guess), returns the sample at its end."""


def places(start: float, end: float, order: int) -> list[float]:
    """The noise levels of a step's calls: evenly in λ, the end left out."""
    return [start * (end / start) ** (call / order) for call in range(order)]


def solve_step(sample: torch.Tensor, guess: torch.Tensor, start: float, end: float, order: int) -> Step:
    """Goes from one noise level to a lower one.

    Args:
        sample: x at ``start``.
        guess: D there.
        start: σ.
        end: τ.
        order: Network calls: 1, 2 (r₁ = ½) or 3 (r₁ = ⅓, r₂ = ⅔).
    """
    noise = (sample - guess) / start
    levels = places(start, end, order)
    step = math.log(start / end)
    if order == 1:
        return sample - end * math.expm1(step) * noise
    first = sample - levels[1] * math.expm1(step / order) * noise
    first, guess = yield first
    change = (first - guess) / levels[1] - noise
    if order == 2:
        return sample - end * math.expm1(step) * (noise + change)
    part = 2 * step / 3
    second = sample - levels[2] * (math.expm1(part) * noise + 2 * (math.expm1(part) / part - 1) * change)
    second, guess = yield second
    change = (second - guess) / levels[2] - noise
    return sample - end * (math.expm1(step) * noise + 1.5 * (math.expm1(step) / step - 1) * change)


def embedded_second(sample: torch.Tensor, start: float, end: float, noises: list[torch.Tensor]) -> torch.Tensor:
    """DPM-Solver-2 with r₁ = ⅓ from the calls of a step of order 3: what its error is measured against.

    Args:
        sample: x at ``start``.
        start: σ.
        end: τ.
        noises: ε at the step's first two calls.
    """
    step = math.log(start / end)
    return sample - end * math.expm1(step) * (noises[0] + 1.5 * (noises[1] - noises[0]))
