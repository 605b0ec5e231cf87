"""Euler, DPM2 and LCM with ancestral noise, on any noise levels.

diffusers' Euler a and DPM2 a take no η, and its Euler a and LCM no noise levels of one's own. Ancestral sampling goes
down below the next level and adds fresh noise up to it: see :func:`~pipelines.own_scheduler.ancestral`.
"""

from __future__ import annotations

import torch

from .own_scheduler import NOTHING, OwnScheduler, Solver, ancestral, halved
from .sigma_schedules import Levels


class AncestralEulerScheduler(OwnScheduler):
    """Euler's method down to σ_down, then noise up to the next level."""

    def solve(self, first: int) -> Solver:
        """X = D + (σ_down/σ)·(x - D) + σ_up·noise."""
        sigmas = self.sigmas.tolist()
        after = NOTHING
        for place in range(first, len(sigmas) - 2):
            sample, guess = yield after
            down, up = ancestral(sigmas[place], sigmas[place + 1], self.config.eta)
            after = torch.lerp(guess, sample, float(down) / sigmas[place]) + float(up) * self.draw(sample)
        _, guess = yield after
        return guess


class AncestralDPM2Scheduler(OwnScheduler):
    """DPM-Solver-2 (Lu et al. 2022: the midpoint rule in log σ) down to σ_down, then noise up to the next level."""

    order = 2

    def plan(self, levels: Levels) -> Levels:
        """Level, halfway to σ_down, level, …, level."""
        return halved(levels, self.config.eta)

    def solve(self, first: int) -> Solver:
        """X = x + (σ_down - σ)·(dx/dσ halfway) + σ_up·noise."""
        sigmas = self.sigmas.tolist()
        after = NOTHING
        for place in range(first, len(sigmas) - 2, 2):
            start, guess = yield after
            here, there = sigmas[place], sigmas[place + 1]
            middle = start + (there / here - 1) * (start - guess)
            _, guess = yield middle
            down, up = ancestral(here, sigmas[place + 2], self.config.eta)
            after = start + (float(down) - here) / there * (middle - guess) + float(up) * self.draw(start)
        _, guess = yield after
        return guess


class LevelledLCMScheduler(OwnScheduler):
    """Multistep consistency sampling (Song et al. 2023, algorithm 1): the clean guess, noised for the next level.

    As Luo et al. 2023 use it for latent consistency models; the skip connection of theirs, which differs from the
    clean guess only in the very last timesteps, is left out.
    """

    def solve(self, first: int) -> Solver:
        """X = D + σ_next·noise."""
        sigmas = self.sigmas.tolist()
        after = NOTHING
        for place in range(first, len(sigmas) - 2):
            sample, guess = yield after
            after = guess + sigmas[place + 1] * self.draw(sample)
        _, guess = yield after
        return guess
