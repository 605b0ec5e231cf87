"""DPM fast: as many network calls as steps, spent on DPM-Solver steps of order 3 and what is left (Lu et al. 2022)."""

from __future__ import annotations

import math

import numpy as np
import torch

from .own_dpm_solver import places, solve_step
from .own_scheduler import NOTHING, OwnScheduler, Solver, ancestral
from .sigma_schedules import Levels


def orders_for(calls: int) -> list[int]:
    """Splits a number of network calls into steps (section 3.4 of the paper): threes, and one or two for the rest."""
    if calls % 3 == 0:
        return [3] * (calls // 3 - 1) + [2, 1]
    return [3] * (calls // 3) + [calls % 3]


class DPMFastScheduler(OwnScheduler):
    """DPM-Solver-fast, with ancestral noise between the steps.

    The steps are even in log σ and end at the smallest noise the network was trained with, where the paper ends: what
    is left is too little to see.
    """

    def lay_levels(self, steps: int) -> Levels:
        """The levels of every call, from ``sigma_max`` to ``sigma_min``."""
        config, trained = self.config, self._trained_sigmas
        return self._lay(float(config.sigma_max or trained[-1]), steps)

    def set_begin_index(self, begin_index: int = 0) -> None:
        """As diffusers; the calls that are left are split anew from the level where the loop begins.

        Pipelines hold a part of ``timesteps``, so it is written over in place.
        """
        super().set_begin_index(begin_index)
        if begin_index:
            left = self._lay(float(self.sigmas[begin_index]), len(self.timesteps) - begin_index)
            self.sigmas[begin_index:-1] = torch.from_numpy(left).to(self.sigmas)
            self.timesteps[begin_index:] = torch.from_numpy(self.timesteps_of(left)).to(self.timesteps)

    def solve(self, first: int) -> Solver:
        """Step by step; where there is noise, down below the next level and back up to it."""
        start, calls = float(self.sigmas[first]), len(self.timesteps) - first
        after = NOTHING
        for here, end, down, up, order in self._steps(start, calls):
            sample, guess = yield after
            after = yield from solve_step(sample, guess, here, down, order)
            if up > 0 and end > self._end * (1 + 1e-6):
                after = after + up * self.draw(after)
        return after

    @property
    def _end(self) -> float:
        return float(self.config.sigma_min or self._trained_sigmas[0])

    def _steps(self, start: float, calls: int) -> list[tuple[float, float, float, float, int]]:
        """Each step's σ, where it ends, where it goes down to, the noise back up, and its order."""
        orders = orders_for(calls)
        levels = np.exp(np.linspace(math.log(start), math.log(self._end), len(orders) + 1)).tolist()
        found = []
        for here, there, order in zip(levels[:-1], levels[1:], orders, strict=True):
            down = max(float(ancestral(here, there, self.config.eta)[0]), self._end)
            found.append((here, there, down, math.sqrt(max(there**2 - down**2, 0.0)), order))
        return found

    def _lay(self, start: float, calls: int) -> Levels:
        return np.array(
            [level for here, _, down, _, order in self._steps(start, calls) for level in places(here, down, order)]
        )
