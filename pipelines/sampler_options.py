"""What an artist may set of a sampler beside its name; nothing set leaves every bit as it was."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from .errors import InvalidRequest

LIMITS = {
    "eta": (0.0, 1.0),
    "s_churn": (0.0, 100.0),
    "s_tmin": (0.0, 10.0),
    "s_tmax": (0.0, 999.0),
    "s_noise": (0.0, 1.1),
    "sigma_min": (1e-4, 1000.0),
    "sigma_max": (1e-3, 1000.0),
    "rho": (0.01, 100.0),
}
"""The smallest and largest value of each option; A1111's where it has them."""

LEVEL_OPTIONS = ("sigma_min", "sigma_max", "rho")
"""Options of the schedule type; the others are the sampler's."""


@dataclass(frozen=True, slots=True)
class SamplerOptions:
    """The sampler's own numbers; None leaves one as the sampler has it.

    Attributes:
        eta: How much of the noise each step renews: 0 none, 1 all that can be.
        s_churn: How much fresh noise all steps together stir in before they step (Karras et al. 2022, algorithm 2).
        s_tmin: Noise level below which nothing is stirred in.
        s_tmax: Noise level above which nothing is stirred in.
        s_noise: Factor on the spread of all fresh noise; 1 is right, a little more gives more detail.
        sigma_min: The last noise level.
        sigma_max: The first noise level.
        rho: Exponent of the Karras (7) or Polyexponential (1) schedule.
    """

    eta: float | None = None
    s_churn: float | None = None
    s_tmin: float | None = None
    s_tmax: float | None = None
    s_noise: float | None = None
    sigma_min: float | None = None
    sigma_max: float | None = None
    rho: float | None = None

    def __post_init__(self) -> None:
        """Refuses what no sampler could take.

        Raises:
            InvalidRequest: A number is out of its range, or the range of noise is empty.
        """
        for name, value in self.given().items():
            low, high = LIMITS[name]
            if not math.isfinite(value) or not low <= value <= high:
                raise InvalidRequest(name, f"{name} is {value!r}; give a number from {low:g} to {high:g}.")
        for low_name, high_name in (("sigma_min", "sigma_max"), ("s_tmin", "s_tmax")):
            low, high = getattr(self, low_name), getattr(self, high_name)
            if low is not None and high is not None and low >= high:
                raise InvalidRequest(
                    low_name, f"{low_name} is {low!r}, not below {high_name}, {high!r}; lower it, or raise {high_name}."
                )

    def given(self) -> dict[str, float]:
        """The options that are set, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}
