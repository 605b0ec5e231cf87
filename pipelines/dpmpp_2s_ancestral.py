"""DPM-Solver++(2S) with ancestral noise, as a diffusers scheduler; diffusers has only the noiseless one.

Written from the mathematics. With x the picture plus noise of standard deviation σ, and D(x, σ) the network's
clean guess, the probability flow is dx/dλ = D - x in λ = -log σ, so that over a step from σ to τ

    x(τ) = (τ/σ)·x + (1 - τ/σ)·D            with D held still:  first order

and taking D halfway in λ, at m = √(σ·τ), makes it second order (Lu et al. 2022, "DPM-Solver++", algorithm 2S
with r = ½, data prediction; here in coordinates divided by α). Ancestral sampling (Song et al. 2021,
"Score-based generative modeling through SDEs", appendix F) goes down below the next level and adds fresh
noise up to it.
"""

from __future__ import annotations

import torch

from .own_scheduler import NOTHING, OwnScheduler, Solver, ancestral, halved
from .sigma_schedules import Levels


class DPMSolver2SAncestralScheduler(OwnScheduler):
    """DPM-Solver++(2S) ancestral: second order, two network calls a step, the last step one.

    Options as for :class:`~pipelines.own_scheduler.OwnScheduler`; ``eta=0`` is DPM-Solver++(2S).
    """

    order = 2

    def plan(self, levels: Levels) -> Levels:
        """Level, halfway to where the step goes down to, level, halfway, …, level."""
        return halved(levels, self.config.eta)

    def solve(self, first: int) -> Solver:
        """See the head of this file."""
        sigmas = self.sigmas.tolist()
        after = NOTHING
        for place in range(first, len(sigmas) - 2, 2):
            start, guess = yield after
            _, guess = yield torch.lerp(guess, start, sigmas[place + 1] / sigmas[place])
            down, up = ancestral(sigmas[place], sigmas[place + 2], self.config.eta)
            after = torch.lerp(guess, start, float(down) / sigmas[place]) + float(up) * self.draw(start)
        _, guess = yield after
        return guess
