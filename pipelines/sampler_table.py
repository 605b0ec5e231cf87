"""Every sampler as one row of data: its names, the class that draws with it, the schedules it runs with."""

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
"""Schedules that shape the noise levels: the flag a scheduler needs for each.

diffusers' ``use_beta_sigmas`` is not among them: it lays the Beta distribution over the noise levels, where Lee et al.
2024 lay it over the timesteps, and so leaves 20 steps with next to none at middle noise. On Gaussian data of spread
0.8 they came out between 0.4 and 2.2, where Karras gave 0.7 to 1.0; red on blue came out burnt.
"""

SPACINGS: Final = {"Uniform": "linspace", "SGM Uniform": "trailing", "DDIM": "leading"}
"""Schedules that space the timesteps: diffusers' ``timestep_spacing`` for each."""

_ALL: Final = (*SIGMA_FLAGS, *SPACINGS)
_STEPPED: Final = ("SGM Uniform", "DDIM")
"""For solvers that count timesteps down by a fixed stride: over ``linspace`` it does not fit, and noise stays."""


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
        fidelity: ``same`` algorithm as the name means elsewhere, ``close``, or ``own`` class; why, if need
            be.
    """

    name: str
    label: str
    scheduler: str
    fidelity: str
    aliases: tuple[str, ...] = ()
    schedules: tuple[str, ...] = _ALL
    automatic: str = NATIVE
    overrides: tuple[tuple[str, Any], ...] = ()
    calls_per_step: int = 1
    repeats_a_step: bool = False
    largest_steps: int = 150
    flow: str = ""

    def calls(self, num_inference_steps: int) -> int:
        """Counts the network calls of a whole picture from noise.

        The last of two-call steps needs only one. While one runs, ``pipe.num_timesteps`` is the count.
        """
        extra = int(self.repeats_a_step and num_inference_steps > 1)
        return self.calls_per_step * num_inference_steps - (self.calls_per_step - 1) + extra


SAMPLERS: Final = (
    Sampler("Euler", "K Euler", "EulerDiscreteScheduler", "same", flow="FlowMatchEulerDiscreteScheduler"),
    Sampler(
        "Euler a",
        "K Euler Ancestral",
        "EulerAncestralDiscreteScheduler",
        "same",
        aliases=("k_euler_a", "Euler Ancestral"),
        schedules=tuple(SPACINGS),
    ),
    Sampler("LMS", "K LMS", "LMSDiscreteScheduler", "same; close where a picture is given"),
    Sampler(
        "Heun",
        "K Heun",
        "HeunDiscreteScheduler",
        "same",
        calls_per_step=2,
        flow="FlowMatchHeunDiscreteScheduler",
    ),
    Sampler("DPM2", "K DPM 2", "KDPM2DiscreteScheduler", "close", automatic="Karras", calls_per_step=2),
    Sampler(
        "DPM2 a",
        "K DPM 2 Ancestral",
        "KDPM2AncestralDiscreteScheduler",
        "close",
        aliases=("k_dpm_2_a", "DPM2 Ancestral"),
        automatic="Karras",
        calls_per_step=2,
    ),
    Sampler(
        "DPM++ 2S a",
        "K DPM++ 2S Ancestral",
        "DPMSolver2SAncestralScheduler",
        "own: diffusers has no ancestral 2S",
        aliases=("k_dpmpp_2s_a", "DPM++ 2S Ancestral"),
        automatic="Karras",
        calls_per_step=2,
    ),
    Sampler(
        "DPM++ 2M",
        "K DPM++ 2M",
        "DPMSolverMultistepScheduler",
        "close",
        automatic="Karras",
        overrides=(("algorithm_type", "dpmsolver++"), ("solver_order", 2), ("solver_type", "midpoint")),
    ),
    Sampler("DPM++ SDE", "K DPM++ SDE", "DPMSolverSDEScheduler", "close", automatic="Karras", calls_per_step=2),
    Sampler("DDIM", "DDIM", "DDIMScheduler", "same", schedules=_STEPPED),
    Sampler(
        "DDPM",
        "DDPM",
        "DDPMScheduler",
        "same",
        schedules=_STEPPED,
        overrides=(("variance_type", "fixed_small"),),
    ),
    Sampler(
        "DPM++ 2M SDE",
        "DPM++ 2M SDE",
        "DPMSolverMultistepScheduler",
        "close",
        aliases=("K DPM++ 2M SDE",),
        automatic="Exponential",
        overrides=(("algorithm_type", "sde-dpmsolver++"), ("solver_order", 2), ("solver_type", "midpoint")),
    ),
    Sampler(
        "DPM++ 2M SDE Heun",
        "DPM++ 2M SDE Heun",
        "DPMSolverMultistepScheduler",
        "close",
        aliases=("K DPM++ 2M SDE Heun",),
        automatic="Exponential",
        overrides=(("algorithm_type", "sde-dpmsolver++"), ("solver_order", 2), ("solver_type", "heun")),
    ),
    Sampler(
        "UniPC",
        "UniPC",
        "UniPCMultistepScheduler",
        "close: order 2, bh2, as diffusers advises with guidance",
        overrides=(("solver_order", 2), ("solver_type", "bh2"), ("predict_x0", True)),
    ),
    Sampler(
        "PLMS",
        "PLMS",
        "PNDMScheduler",
        "same",
        aliases=("PNDM",),
        schedules=_STEPPED,
        overrides=(("skip_prk_steps", True),),
        repeats_a_step=True,
    ),
    Sampler(
        "DEIS",
        "DEIS",
        "DEISMultistepScheduler",
        "same",
        schedules=tuple(SPACINGS),
        overrides=(("algorithm_type", "deis"), ("solver_order", 2), ("solver_type", "logrho")),
    ),
    Sampler("LCM", "LCM", "LCMScheduler", "same; for distilled models", ("k_lcm",), schedules=(), largest_steps=50),
    Sampler("TCD", "TCD", "TCDScheduler", "same; for distilled models", schedules=(), largest_steps=50),
)
"""Every sampler, in the order the page lists them: Dream Studio's eleven first."""
