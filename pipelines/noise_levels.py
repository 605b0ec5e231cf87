"""The noise levels a scheduler steps through: from a checkpoint's betas, spaced or shaped."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray


def cumulative_alphas(
    count: int,
    beta_start: float,
    beta_end: float,
    beta_schedule: str,
    trained_betas: Sequence[float] | None = None,
) -> torch.Tensor:
    """Multiplies up how much of the picture is left after each training timestep (ᾱ of Ho et al. 2020).

    Args:
        count: Training timesteps.
        beta_start: First β.
        beta_end: Last β.
        beta_schedule: ``linear`` (Ho et al. 2020), ``scaled_linear`` (linear in √β, Rombach et al. 2022) or
            ``squaredcos_cap_v2`` (Nichol & Dhariwal 2021).
        trained_betas: Every β, instead of the three above.

    Returns:
        Shape [count], float32.

    Raises:
        ValueError: The schedule is none of these.
    """
    if trained_betas is not None:
        betas = torch.tensor(trained_betas, dtype=torch.float32)
    elif beta_schedule == "linear":
        betas = torch.linspace(beta_start, beta_end, count, dtype=torch.float32)
    elif beta_schedule == "scaled_linear":
        betas = torch.linspace(beta_start**0.5, beta_end**0.5, count, dtype=torch.float32) ** 2
    elif beta_schedule == "squaredcos_cap_v2":
        left = [math.cos((step / count + 0.008) / 1.008 * math.pi / 2) ** 2 for step in range(count + 1)]
        betas = torch.tensor([min(1 - after / before, 0.999) for before, after in itertools.pairwise(left)])
    else:
        raise ValueError(f"beta_schedule is {beta_schedule!r}; use linear, scaled_linear or squaredcos_cap_v2.")
    return torch.cumprod(1.0 - betas, dim=0)


def space_timesteps(spacing: str, steps: int, count: int, *, offset: int = 0) -> NDArray[np.float64]:
    """Chooses the timesteps of a picture, highest first (Lin et al. 2024, table 2).

    Args:
        spacing: ``linspace`` has both ends, ``trailing`` the noisiest, ``leading`` the cleanest + ``offset``.
        steps: How many.
        count: Training timesteps.
        offset: Added to ``leading`` ones.

    Raises:
        ValueError: The spacing is none of these.
    """
    if spacing == "linspace":
        return np.linspace(count - 1, 0, steps)
    if spacing == "trailing":
        return np.round(count - np.arange(steps) * (count / steps)) - 1.0
    if spacing == "leading":
        return np.minimum(np.arange(steps)[::-1] * (count // steps) + offset, count - 1).astype(np.float64)
    raise ValueError(f"timestep_spacing is {spacing!r}; use linspace, trailing or leading.")


def shape_sigmas(smallest: float, largest: float, steps: int, rho: float | None) -> NDArray[np.float64]:
    """Chooses noise levels between two, highest first.

    Args:
        smallest: Last σ.
        largest: First σ; with one step the only one.
        steps: How many.
        rho: Evenly in σ to the power 1/ρ (Karras et al. 2022, equation 5); None = evenly in log σ.
    """
    if rho is None:
        return np.exp(np.linspace(math.log(largest), math.log(smallest), steps))
    levels: NDArray[np.float64] = np.linspace(largest ** (1 / rho), smallest ** (1 / rho), steps) ** rho
    return levels
