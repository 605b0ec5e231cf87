"""The DPM-Solver++ family for the diffusion equation with noise: SDE, 2M SDE and 3M SDE.

With λ = -log σ and D the clean guess, dx = (1 + η)·(D - x)·dλ + √(2η)·σ·dW has the same marginals as the probability
flow (η = 0) and as the reverse diffusion (η = 1). Over a step of h in λ, exactly,

    x(τ) = e^(-a)·x + ∫ D·a·e^(-a(1-s)) ds + τ·√(1 - e^(-2ηh))·noise,      a = (1 + η)·h,

and the methods differ in what they take D for between the calls (Lu et al. 2022, "DPM-Solver++", sections 4 and 5).
"""

from __future__ import annotations

import math

import numpy as np
import torch

from .own_scheduler import NOTHING, OwnScheduler, Solver, ancestral
from .sigma_schedules import Levels


class SDESinglestepScheduler(OwnScheduler):
    """DPM++ SDE: two calls a step, both with noise from one Brownian path; r = ½."""

    order = 2

    def plan(self, levels: Levels) -> Levels:
        """Level, halfway in λ to the next, level, …, level."""
        sigmas = np.empty(2 * len(levels) - 1)
        sigmas[0::2] = levels
        sigmas[1::2] = np.sqrt(levels[:-1] * levels[1:])
        return sigmas

    def solve(self, first: int) -> Solver:
        """First order to the middle; from the start to the end with the middle's guess.

        The step's noise has the middle's in it: the path's increments are over σ, as where A1111 has them from.
        """
        sigmas, eta = self.sigmas.tolist(), self.config.eta
        after = NOTHING
        for place in range(first, len(sigmas) - 2, 2):
            start, guess = yield after
            here, middle, end = sigmas[place : place + 3]
            noise = self.draw(start)
            down, up = ancestral(here, middle, eta)
            _, guess = yield torch.lerp(guess, start, float(down) / here) + float(up) * noise
            share = (here - middle) / (here - end)
            noise = math.sqrt(share) * noise + math.sqrt(1 - share) * self.draw(start)
            down, up = ancestral(here, end, eta)
            after = torch.lerp(guess, start, float(down) / here) + float(up) * noise
        _, guess = yield after
        return guess


class _MultistepSDE(OwnScheduler):
    def correction(self, span: float, steps: list[float], guesses: list[torch.Tensor]) -> torch.Tensor | float:
        """What the guesses before this one add.

        Args:
            span: a = (1 + η)·h.
            steps: The steps in λ, this one last.
            guesses: D at their starts.
        """
        raise NotImplementedError

    def solve(self, first: int) -> Solver:
        """The exact step with D held still, the correction, and the noise."""
        sigmas, eta = self.sigmas.tolist(), self.config.eta
        steps: list[float] = []
        guesses: list[torch.Tensor] = []
        after = NOTHING
        for place in range(first, len(sigmas) - 2):
            sample, guess = yield after
            step = math.log(sigmas[place] / sigmas[place + 1])
            steps, guesses = [*steps, step][-3:], [*guesses, guess][-3:]
            span = (1 + eta) * step
            after = torch.lerp(guess, sample, math.exp(-span)) + self.correction(span, steps, guesses)
            if eta:
                spread = sigmas[place + 1] * math.sqrt(-math.expm1(-2 * eta * step))
                after = after + spread * self.draw(sample)
        _, guess = yield after
        return guess


class SDE2MMidpointScheduler(_MultistepSDE):
    """DPM++ 2M SDE with the midpoint's correction."""

    def correction(self, span: float, steps: list[float], guesses: list[torch.Tensor]) -> torch.Tensor | float:
        """½·(1 - e^(-a))·ΔD, where ΔD is how much D changes in a step like this one."""
        if len(steps) < 2:
            return 0.0
        return -0.5 * math.expm1(-span) * (steps[-1] / steps[-2]) * (guesses[-1] - guesses[-2])


class SDE2MHeunScheduler(_MultistepSDE):
    """DPM++ 2M SDE with Heun's correction."""

    def correction(self, span: float, steps: list[float], guesses: list[torch.Tensor]) -> torch.Tensor | float:
        """(1 - (1 - e^(-a))/a)·ΔD: exact where D is linear in λ."""
        if len(steps) < 2:
            return 0.0
        return (1 + math.expm1(-span) / span) * (steps[-1] / steps[-2]) * (guesses[-1] - guesses[-2])


class SDE3MScheduler(_MultistepSDE):
    """DPM++ 3M SDE, with the coefficients as DPM-Solver++ has published them.

    The next-to-last noise level is left out, as everybody does who runs it. The published coefficient of the second
    difference is half of what a D quadratic in λ needs, so the method without noise is of order 2, not 3; it is kept,
    since it is what this name draws everywhere.
    """

    def lay_levels(self, steps: int) -> Levels:
        """One level more is laid, and the smallest dropped."""
        return super().lay_levels(steps + 1)[:-1]

    def correction(self, span: float, steps: list[float], guesses: list[torch.Tensor]) -> torch.Tensor | float:
        """φ₂·D′ - φ₃·D″, with φ₂ = 1 - (1 - e^(-a))/a and φ₃ = φ₂/a - ½."""
        if len(steps) < 2:
            return 0.0
        phi2 = 1 + math.expm1(-span) / span
        near = (guesses[-1] - guesses[-2]) * (steps[-1] / steps[-2])
        if len(steps) < 3:
            return phi2 * near
        before, earlier = steps[-2] / steps[-1], steps[-3] / steps[-1]
        bend = (near - (guesses[-2] - guesses[-3]) / earlier) / (before + earlier)
        return phi2 * (near + before * bend) - (phi2 / span - 0.5) * bend
