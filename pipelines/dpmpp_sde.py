"""diffusers' DPM++ SDE, without the warning it gives at the edge of its noise's range."""

from __future__ import annotations

from typing import Any, Final

import torch
from diffusers import DPMSolverSDEScheduler
from diffusers.schedulers.scheduling_dpmsolver_sde import BrownianTreeNoiseSampler

DIGITS: Final = 6
"""Places that torchsde rounds to, with the tolerance of 1e-6 that diffusers gives it."""


class QuietDPMSolverSDEScheduler(DPMSolverSDEScheduler):  # type: ignore[misc]  # diffusers has no types
    """Gives the very bits of ``DPMSolverSDEScheduler``, and no ``Should have ta>=t0`` on the console.

    torchsde rounds the range of its Brownian path, and diffusers then asks for a hair more; torchsde warns, and
    moves the question to the edge. Here it is moved before it is asked.
    """

    noise_sampler: BrownianTreeNoiseSampler | None

    def step(self, model_output: torch.Tensor, timestep: Any, sample: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        """As diffusers' own."""
        if self.noise_sampler is None:
            lowest, highest = float(self.sigmas[self.sigmas > 0].min()), float(self.sigmas.max())
            self.noise_sampler = _InRange(sample, lowest, highest, self.noise_sampler_seed)
        return super().step(model_output, timestep, sample, *args, **kwargs)


class _InRange(BrownianTreeNoiseSampler):  # type: ignore[misc]  # diffusers has no types
    def __init__(self, x: torch.Tensor, sigma_min: float, sigma_max: float, seed: int | list[int] | None) -> None:
        super().__init__(x, sigma_min, sigma_max, seed)
        self._lowest, self._highest = round(sigma_min, DIGITS), round(sigma_max, DIGITS)

    def __call__(self, sigma: torch.Tensor, sigma_next: torch.Tensor) -> torch.Tensor:
        inside = [min(max(float(edge), self._lowest), self._highest) for edge in (sigma, sigma_next)]
        noise: torch.Tensor = self.tree(*inside)
        return noise / (torch.as_tensor(sigma_next) - torch.as_tensor(sigma)).abs().sqrt()
