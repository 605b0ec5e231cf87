"""What a row of the table of samplers holds, and the schedules there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

NATIVE: Final = "Native"
"""The schedule of a bare name: the timestep spacing that the checkpoint's own scheduler config asks for."""

AUTOMATIC: Final = "Automatic"
"""A1111's word for the sampler's favourite: ``DPM++ 2M Automatic`` is ``DPM++ 2M Karras``."""

SIGMA_FLAGS: Final = {
    "Karras": "use_karras_sigmas",
    "Exponential": "use_exponential_sigmas",
}
"""Schedules that shape the noise levels: the flag a diffusers scheduler has for each.

diffusers' ``use_beta_sigmas`` is not among them: it lays the Beta distribution over the noise levels, where Lee et al.
2024 lay it over the timesteps, and so leaves 20 steps with next to none at middle noise. On Gaussian data of spread
0.8 they came out between 0.4 and 2.2, where Karras gave 0.7 to 1.0; red on blue came out burnt.
"""

SPACINGS: Final = {"Uniform": "linspace", "SGM Uniform": "trailing", "DDIM": "leading"}
"""Schedules that space the timesteps: diffusers' ``timestep_spacing`` for each."""

SHAPES: Final = ("Polyexponential", "Beta", "Align Your Steps", "Simple", "Normal", "KL Optimal")
"""Schedules that diffusers has no flag for: ``sigma_schedules`` lays them."""

RANGED: Final = ("Karras", "Exponential", "Polyexponential", "SGM Uniform", "Beta", "Normal", "KL Optimal")
"""Schedules between a smallest and a largest noise level, which can be chosen."""

RHOS: Final = {"Karras": 7.0, "Polyexponential": 1.0}
"""Schedules with an exponent: its usual value."""

EVERY_SCHEDULE: Final = (*SIGMA_FLAGS, *SPACINGS, *SHAPES)
"""All that a name can say, beside ``NATIVE`` and ``AUTOMATIC``."""


@dataclass(frozen=True, slots=True)
class Sampler:
    """One way to draw.

    Attributes:
        name: A1111's name, the canonical one; diffusers' own where A1111 has none.
        label: What the page shows: Dream Studio's name where it had one.
        scheduler: The class that does it, by name: diffusers', or Reverie's own (``fidelity`` says so).
        aliases: Other names, beside ``name``, ``label`` and, for its first owner, the class.
        schedules: Schedules it can run with, beside ``NATIVE`` and ``AUTOMATIC``.
        automatic: What ``AUTOMATIC`` stands for: A1111's choice for this sampler.
        overrides: Constructor arguments that make the class this sampler, whatever the checkpoint says.
        calls_per_step: Network calls a step: 1 or 2.
        repeats_a_step: Whether it runs one timestep twice to get going (PLMS).
        largest_steps: Most ``num_inference_steps`` it can run.
        flow: The class that does it for flow matching (Stable Diffusion 3, Flux); empty where there is none.
        own: Reverie's class for what ``scheduler`` has not: a schedule, or an option; empty where there is none.
        like: The sampler that comes nearest where it has not a schedule; empty = the one of the most similar name.
        spaced: Whether ``scheduler`` heeds ``timestep_spacing``.
        options: The options of ``SamplerOptions`` it takes, beside those of its schedule.
        ends_early: Whether it may run fewer network calls than ``calls`` says.
        fidelity: ``same`` algorithm as the name means elsewhere, ``close``, or ``own`` class; why, if need
            be.
    """

    name: str
    label: str
    scheduler: str
    fidelity: str
    aliases: tuple[str, ...] = ()
    schedules: tuple[str, ...] = EVERY_SCHEDULE
    automatic: str = NATIVE
    overrides: tuple[tuple[str, Any], ...] = ()
    calls_per_step: int = 1
    repeats_a_step: bool = False
    largest_steps: int = 150
    flow: str = ""
    own: str = ""
    like: str = ""
    spaced: bool = True
    options: tuple[str, ...] = ()
    ends_early: bool = False

    def takes(self, option: str, schedule: str) -> bool:
        """Whether it takes an option of ``SamplerOptions`` with a schedule."""
        if option in self.options:
            return True
        on_levels = option in ("sigma_min", "sigma_max") and schedule in RANGED
        return "Karras" in self.schedules and (on_levels or (option == "rho" and schedule in RHOS))

    def calls(self, num_inference_steps: int) -> int:
        """Counts the network calls of a whole picture from noise.

        The last of two-call steps needs only one, DPM adaptive's needs three and may not be needed. While one runs,
        ``pipe.num_timesteps`` is the count.
        """
        if self.ends_early:
            return self.calls_per_step * num_inference_steps
        extra = int(self.repeats_a_step and num_inference_steps > 1)
        return self.calls_per_step * num_inference_steps - (self.calls_per_step - 1) + extra
