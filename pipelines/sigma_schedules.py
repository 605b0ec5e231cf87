"""Schedule types as rules: which noise levels a picture's steps stand at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .noise_levels import shape_sigmas, space_timesteps
from .sampler_kinds import RHOS

Levels = NDArray[np.float64]

ALIGNED: Final = {
    "sd": (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029),
    "sdxl": (14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029),
}
"""Noise levels that Sabour et al. 2024 ("Align Your Steps") published for Stable Diffusion 1.5 and XL, ten steps."""

BETA: Final = 0.6
"""Both parameters of the Beta distribution in Lee et al. 2024 ("Beta Sampling is All You Need")."""


@dataclass(frozen=True, slots=True)
class NoiseLevels:
    """A schedule type with its numbers.

    Attributes:
        schedule: ``Karras``, ``Exponential``, ``Polyexponential``, ``Uniform``, ``SGM Uniform``, ``DDIM``, ``Normal``,
            ``Simple``, ``Beta``, ``KL Optimal`` or ``Align Your Steps``.
        sigma_min: The last level; None = the smallest that the network was trained with.
        sigma_max: The first; None = the largest. Both only for those in ``RANGED``.
        rho: Exponent; None = that of ``RHOS``.
        aligned: Which of the ``ALIGNED`` tables: ``sd`` or ``sdxl``.
    """

    schedule: str
    sigma_min: float | None = None
    sigma_max: float | None = None
    rho: float | None = None
    aligned: str = "sd"

    def lay(self, trained: Levels, steps: int) -> Levels:
        """Lays out the levels of a picture, highest first, without the clean end.

        Args:
            trained: σ of every training timestep, lowest first.
            steps: How many levels.

        Returns:
            Shape [steps], within the trained range.

        Raises:
            ValueError: There is no such schedule type.
        """
        lowest, highest = float(trained[0]), float(trained[-1])
        low = min(max(self.sigma_min or lowest, lowest), highest)
        high = max(min(self.sigma_max or highest, highest), low)
        return np.clip(self._levels(trained, steps, low, high), lowest, highest)

    def _levels(self, trained: Levels, steps: int, low: float, high: float) -> Levels:
        if self.schedule == "Karras":
            return shape_sigmas(low, high, steps, self.rho or RHOS["Karras"])
        if self.schedule == "Exponential":
            return shape_sigmas(low, high, steps, None)
        if self.schedule == "Polyexponential":
            ramp = np.linspace(1.0, 0.0, steps) ** (self.rho or RHOS["Polyexponential"])
            return np.asarray(np.exp(math.log(low) + ramp * math.log(high / low)))
        if self.schedule == "KL Optimal":
            # σᵢ = tan((1 - i/n)·arctan σ_max + i/n·arctan σ_min): Sabour et al. 2024, equation 12. Its last is σ_min;
            # here the step that would end there ends in the clean picture.
            share = np.arange(steps) / steps
            return np.asarray(np.tan((1 - share) * math.atan(high) + share * math.atan(low)))
        if self.schedule == "Align Your Steps":
            table = np.log(ALIGNED[self.aligned])
            return np.asarray(np.exp(np.interp(np.linspace(0, len(table) - 1, steps), np.arange(len(table)), table)))
        places = self._timesteps(trained, steps, low, high)
        return np.asarray(np.exp(np.interp(places, np.arange(len(trained)), np.log(trained))))

    def _timesteps(self, trained: Levels, steps: int, low: float, high: float) -> Levels:
        """The schedule types that choose timesteps, which may lie between whole ones."""
        count = len(trained)
        first, last = (float(np.interp(math.log(level), np.log(trained), np.arange(count))) for level in (high, low))
        if self.schedule in ("Normal", "Uniform"):
            return np.linspace(first, last, steps)
        if self.schedule == "SGM Uniform":
            return np.linspace(first, last, steps + 1)[:-1]
        if self.schedule == "Simple":
            return np.asarray(count - 1.0 - np.floor(np.arange(steps) * (count / steps)))
        if self.schedule == "DDIM":
            return space_timesteps("leading", steps, count, offset=1)
        if self.schedule == "Beta":
            from scipy.stats import beta  # takes a while to import

            shares: Levels = beta.ppf(1 - np.linspace(0, 1, steps), BETA, BETA)
            places: Levels = last + (first - last) * shares
            return places
        raise ValueError(f"schedule is {self.schedule!r}; use one of the schedule types in docs/samplers.md.")
