"""Euler, Heun and DPM2 with fresh noise stirred in before each step (Karras et al. 2022, algorithm 2).

In the coordinates of that paper the probability flow is dx/dσ = (x - D)/σ. Before a step from σ to τ the sample is
raised to σ̂ = σ·(1 + γ), γ = min(s_churn / steps, √2 - 1), by noise of spread √(σ̂² - σ²); where s_churn is 0, nothing
is raised, and these are the plain solvers.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from .own_scheduler import NOTHING, OwnScheduler, Solver
from .sigma_schedules import Levels


class _Churning(OwnScheduler):
    def raised(self, levels: Levels) -> Levels:
        """σ̂ of every step; never above what the network was trained with."""
        config = self.config
        gamma = min(config.s_churn / len(levels), math.sqrt(2) - 1)
        stirred = (levels >= config.s_tmin) & (levels <= (math.inf if config.s_tmax is None else config.s_tmax))
        raised: Levels = np.minimum(np.where(stirred, levels * (1 + gamma), levels), self._trained_sigmas[-1])
        return raised

    def stir(self, sample: torch.Tensor, level: float, raised: float) -> torch.Tensor:
        """Adds the noise between a level and the raised one."""
        missing = raised**2 - level**2
        return sample + math.sqrt(missing) * self.draw(sample) if missing > 1e-6 * raised**2 else sample

    def ends(self) -> list[float]:
        """Where each step goes down to, before noise is stirred in for the next."""
        return [*self.levels.tolist()[1:], 0.0]


class ChurningEulerScheduler(_Churning):
    """Euler's method (order 1) with churn."""

    def plan(self, levels: Levels) -> Levels:
        """One call at each raised level."""
        return self.raised(levels)

    def solve(self, first: int) -> Solver:
        """x(τ) = D + (τ/σ̂)·(x - D)."""
        sigmas, ends = self.sigmas.tolist(), self.ends()
        after = NOTHING
        for place in range(first, len(ends)):
            sample, guess = yield after
            after = torch.lerp(guess, sample, ends[place] / sigmas[place])
            if place + 1 < len(ends):
                after = self.stir(after, ends[place], sigmas[place + 1])
        return after


class _TwoCalls(_Churning):
    order = 2

    def between(self, start: Any, end: Any) -> Any:
        """The level of a step's second call."""
        raise NotImplementedError

    def plan(self, levels: Levels) -> Levels:
        """Raised level, second call, …, raised level."""
        raised = self.raised(levels)
        sigmas = np.empty(2 * len(levels) - 1)
        sigmas[0::2] = raised
        sigmas[1::2] = self.between(raised[:-1], levels[1:])
        return sigmas

    def slope(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """What the whole step follows, of dx/dσ at its two calls."""
        raise NotImplementedError

    def solve(self, first: int) -> Solver:
        """Follows dx/dσ to the second call, and from the start once more with what it says there."""
        sigmas, ends = self.sigmas.tolist(), self.ends()
        after = NOTHING
        for place in range(first, len(sigmas) - 2, 2):
            start, guess = yield after
            here, there, end = sigmas[place], sigmas[place + 1], ends[place // 2]
            slope = (start - guess) / here
            middle = start + (there - here) * slope
            _, guess = yield middle
            after = start + (end - here) * self.slope(slope, (middle - guess) / there)
            after = self.stir(after, end, sigmas[place + 2])
        _, guess = yield after
        return guess


class ChurningHeunScheduler(_TwoCalls):
    """Heun's method (order 2) with churn: algorithm 2 of the paper, letter by letter."""

    def between(self, start: Any, end: Any) -> Any:
        """At the end of the step."""
        return np.asarray(end) + 0 * np.asarray(start)

    def slope(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """The mean: the trapezium rule."""
        return (first + second) / 2


class ChurningDPM2Scheduler(_TwoCalls):
    """DPM-Solver-2 (Lu et al. 2022) with churn: the midpoint rule, halfway in log σ."""

    def between(self, start: Any, end: Any) -> Any:
        """Halfway in log σ."""
        return np.sqrt(np.asarray(start) * np.asarray(end))

    def slope(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        """That of the midpoint."""
        return second
