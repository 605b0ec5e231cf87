"""Restart sampling: Heun's method that goes back up in noise for a part of the way (Xu et al. 2023)."""

from __future__ import annotations

import itertools
import math

import numpy as np

from .noise_levels import shape_sigmas
from .own_scheduler import NOTHING, OwnScheduler, Solver
from .sigma_schedules import Levels

LOW = 0.1
"""Noise level nearest to which the way back begins."""
HIGH = 2.0
"""Noise level nearest to which it ends."""


class RestartScheduler(OwnScheduler):
    """Restart: second order, two network calls a step, the last step one.

    Down the noise levels with Heun's method; from where σ is near 0.1 noise is added up to near 2, and those levels
    are walked again, on levels spaced as Karras et al. 2022. As A1111 shares the steps: nine for one restart from 20
    steps on, and half of all steps for two restarts from 36; below 20 there is none.
    """

    order = 2

    def plan(self, levels: Levels) -> Levels:  # noqa: ARG002  # they are the steps' starts
        """Both ends of every step in turn; the last has no second call."""
        return np.array([sigma for step in self._steps for sigma in step])[:-1]

    def lay_levels(self, steps: int) -> Levels:
        """The levels at the start of every step; restarts are in them."""
        again, times = (steps // 4, 2) if steps >= 36 else (9, 1) if steps >= 20 else (0, 0)
        down = super().lay_levels(steps - again * times)
        low, high = (int(np.abs(down - level).argmin()) for level in (LOW, HIGH))
        if again and high >= low:
            down, again = super().lay_levels(steps), 0
        ways = list(zip(down, [*down[1:], 0.0], strict=True))
        if again:
            once_more = shape_sigmas(float(down[low]), float(down[high]), again + 1, 7.0)
            ways[low:low] = list(itertools.pairwise(once_more)) * times
        self._steps = ways
        return np.array([start for start, _ in ways])

    def solve(self, first: int) -> Solver:
        """x(τ) = x + (τ - σ)·(d₁ + d₂)/2 with d = (x - D)/σ; noise of spread √(σ_high² - σ_low²) on the way back."""
        sigmas = self.sigmas.tolist()
        after = NOTHING
        for place in range(first, len(sigmas) - 2, 2):
            start, guess = yield after
            here, there, following = sigmas[place : place + 3]
            slope = (start - guess) / here
            middle = start + (there - here) * slope
            _, guess = yield middle
            after = start + (there - here) / 2 * (slope + (middle - guess) / there)
            if following > there * (1 + 1e-6):
                after = after + math.sqrt(following**2 - there**2) * self.draw(after)
        _, guess = yield after
        return guess

    @property
    def init_noise_sigma(self) -> float:
        """As the others', from the first level."""
        first = float(self.sigmas[0])
        return first if self.config.timestep_spacing in ("linspace", "trailing") else math.hypot(first, 1.0)
