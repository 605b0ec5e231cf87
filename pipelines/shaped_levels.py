"""diffusers' schedulers on noise levels of Reverie's choosing."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from numpy.typing import NDArray

from .sigma_schedules import NoiseLevels


class ShapedLevels:
    """Mixed into a diffusers scheduler, gives it the levels of any schedule type.

    diffusers' own way to shape noise levels is ``use_karras_sigmas``, for which each class asks one method of its own;
    all else (second calls, timesteps, where a loop begins) it derives from the answer. Here the answer is the rule's.

    Attributes:
        noise_levels: The rule; each scheduler is given its own before ``set_timesteps``.
    """

    noise_levels = NoiseLevels("Karras")
    alphas_cumprod: Any
    config: Any

    def _convert_to_karras(self, in_sigmas: Any, num_inference_steps: int | None = None) -> NDArray[np.float64]:
        trained = ((1 - self.alphas_cumprod) / self.alphas_cumprod).sqrt().double().numpy()
        return self.noise_levels.lay(trained, num_inference_steps or len(in_sigmas))


@functools.cache
def shaped(scheduler_class: type[SchedulerMixin]) -> type[SchedulerMixin]:
    """A class like a diffusers scheduler, under its name, whose levels can be set."""
    made: type[SchedulerMixin] = type(scheduler_class.__name__, (ShapedLevels, scheduler_class), {})
    return made
