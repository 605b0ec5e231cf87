"""What Reverie's own schedulers share: diffusers' interface around a solver that is written as a plain loop.

A solver works on the picture plus noise of standard deviation σ (Karras et al. 2022), and is a generator: it gives
the sample at the next noise level, and is sent the sample as the pipeline left it with the network's clean guess.
diffusers' pipelines call a scheduler once for each network call, in the middle of such a loop as well as at its end;
here Python keeps the place.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.schedulers.scheduling_utils import KarrasDiffusionSchedulers, SchedulerMixin
from diffusers.utils import BaseOutput
from diffusers.utils.torch_utils import randn_tensor

from .noise_levels import cumulative_alphas, space_timesteps
from .sigma_schedules import Levels, NoiseLevels

Solver = Generator[torch.Tensor, tuple[torch.Tensor, torch.Tensor], torch.Tensor]
"""Gives samples, is sent (sample, clean guess), returns the last sample. What it gives first is not looked at."""

NOTHING = torch.empty(0)
"""What a solver gives first: it is sent the picture's first sample before it can give one."""


@dataclass
class OwnSchedulerOutput(BaseOutput):  # type: ignore[misc]  # diffusers has no types
    """What a step gives.

    Attributes:
        prev_sample: The sample at the next noise level.
        pred_original_sample: The clean guess this step used.
    """

    prev_sample: torch.Tensor
    pred_original_sample: torch.Tensor | None = None


class OwnScheduler(SchedulerMixin, ConfigMixin):  # type: ignore[misc]  # no types there
    """The part of a scheduler that is not its solver: noise levels, scaling, predictions, the place in the loop.

    ``timesteps`` and ``sigmas`` hold every network call in turn, as diffusers' other schedulers do, so that a pipeline
    may start at any multiple of ``order``.

    Args:
        num_train_timesteps: Steps the network was trained with.
        beta_start: First β.
        beta_end: Last β.
        beta_schedule: ``linear``, ``scaled_linear`` or ``squaredcos_cap_v2``.
        trained_betas: Every β, instead of the three above.
        prediction_type: ``epsilon``, ``v_prediction`` or ``sample``.
        use_karras_sigmas: Space the noise levels as Karras et al. 2022 (equation 5, ρ = 7), over the whole
            range the network was trained on.
        use_exponential_sigmas: Space them evenly in log σ, over the same range.
        timestep_spacing: ``linspace``, ``leading`` or ``trailing`` (Lin et al. 2024, table 2), where neither
            flag nor ``schedule`` is set.
        steps_offset: Added to ``leading`` timesteps.
        eta: How much of the noise each step renews: 1 all that can be, 0 none.
        schedule: A schedule type of :class:`~pipelines.sigma_schedules.NoiseLevels`; it comes before flags and spacing.
        sigma_min: Its last level.
        sigma_max: Its first.
        rho: Its exponent.
        aligned: Its table.
        s_churn: Noise stirred in by all steps together (Karras et al. 2022, algorithm 2).
        s_tmin: From this noise level …
        s_tmax: … up to this; None = no limit.
        s_noise: Factor on the spread of fresh noise.

    Raises:
        ValueError: Both flags are set, or a word is none of those above.
    """

    _compatibles: ClassVar[list[str]] = [scheduler.name for scheduler in KarrasDiffusionSchedulers]
    order = 1

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        *,
        num_train_timesteps: int = 1000,
        beta_start: float = 0.00085,
        beta_end: float = 0.012,
        beta_schedule: str = "linear",
        trained_betas: Sequence[float] | None = None,
        prediction_type: str = "epsilon",
        use_karras_sigmas: bool = False,
        use_exponential_sigmas: bool = False,
        timestep_spacing: str = "linspace",  # noqa: ARG002  # this and those below are read from self.config
        steps_offset: int = 0,  # noqa: ARG002
        eta: float = 1.0,  # noqa: ARG002
        schedule: str | None = None,  # noqa: ARG002
        sigma_min: float | None = None,  # noqa: ARG002
        sigma_max: float | None = None,  # noqa: ARG002
        rho: float | None = None,  # noqa: ARG002
        aligned: str = "sd",  # noqa: ARG002
        s_churn: float = 0.0,  # noqa: ARG002
        s_tmin: float = 0.0,  # noqa: ARG002
        s_tmax: float | None = None,  # noqa: ARG002
        s_noise: float = 1.0,  # noqa: ARG002
    ) -> None:
        if use_karras_sigmas and use_exponential_sigmas:
            raise ValueError("use_karras_sigmas and use_exponential_sigmas are both set; set one of them.")
        if prediction_type not in ("epsilon", "v_prediction", "sample"):
            raise ValueError(f"prediction_type is {prediction_type!r}; use epsilon, v_prediction or sample.")
        self.alphas_cumprod = cumulative_alphas(num_train_timesteps, beta_start, beta_end, beta_schedule, trained_betas)
        self._trained_sigmas = ((1 - self.alphas_cumprod) / self.alphas_cumprod).sqrt().double().numpy()
        self._generator: torch.Generator | list[torch.Generator] | None = None
        self._step_index: int | None = None
        self._begin_index: int | None = None
        self._solver: Solver | None = None
        self.set_timesteps(num_train_timesteps)

    # --- what a solver's class says -------------------------------------------------------------------------------

    def plan(self, levels: Levels) -> Levels:
        """The noise level of every network call of the whole loop, in turn; here one call at each level."""
        return levels

    def solve(self, first: int) -> Solver:
        """The loop, from network call ``first`` on.

        Args:
            first: The place in ``sigmas`` of the first call; a multiple of ``order``.
        """
        raise NotImplementedError

    def lay_levels(self, steps: int) -> Levels:
        """The noise level at the start of every step, highest first."""
        config, trained = self.config, self._trained_sigmas
        flagged = "Karras" if config.use_karras_sigmas else "Exponential" if config.use_exponential_sigmas else None
        schedule = config.schedule or flagged
        if schedule is not None:
            rule = NoiseLevels(schedule, config.sigma_min, config.sigma_max, config.rho, config.aligned)
            return rule.lay(trained, steps)
        places = space_timesteps(config.timestep_spacing, steps, len(trained), offset=config.steps_offset)
        levels: Levels = np.exp(np.interp(places, np.arange(len(trained)), np.log(trained)))
        return levels

    def draw(self, like: torch.Tensor) -> torch.Tensor:
        """Fresh noise from the picture's generator, in the network's float type, times ``s_noise``."""
        drawn = randn_tensor(like.shape, generator=self._generator, device=like.device, dtype=self._dtype)
        fresh: torch.Tensor = drawn.float()
        return fresh * self.config.s_noise if self.config.s_noise != 1.0 else fresh

    # --- diffusers' interface -------------------------------------------------------------------------------------

    @property
    def init_noise_sigma(self) -> float:
        """Standard deviation of the noise a picture starts from."""
        largest = float(self.sigmas.max())
        return largest if self.config.timestep_spacing in ("linspace", "trailing") else math.hypot(largest, 1.0)

    @property
    def step_index(self) -> int | None:
        """The place in ``timesteps`` of the next step; None before the first."""
        return self._step_index

    @property
    def begin_index(self) -> int | None:
        """The place a pipeline said it starts at, or None."""
        return self._begin_index

    def set_begin_index(self, begin_index: int = 0) -> None:
        """Says at which place of ``timesteps`` the loop will start (image to image starts late)."""
        self._begin_index = begin_index

    def set_timesteps(self, num_inference_steps: int, device: str | torch.device | None = None) -> None:
        """Lays out the noise levels of a picture, and forgets the last picture.

        Args:
            num_inference_steps: Steps.
            device: Where ``timesteps`` go.
        """
        self.num_inference_steps = num_inference_steps
        self.levels = self.lay_levels(num_inference_steps)
        sigmas = self.plan(self.levels)
        self.sigmas = torch.from_numpy(np.append(sigmas, 0.0)).float()
        self.timesteps = torch.from_numpy(self.timesteps_of(sigmas)).float().to(device)
        self._step_index = self._begin_index = self._solver = None

    def timesteps_of(self, sigmas: Any) -> Levels:
        """The training timestep of each noise level; between two whole ones in log σ."""
        trained = self._trained_sigmas
        timesteps: Levels = np.interp(np.log(sigmas), np.log(trained), np.arange(len(trained)))
        return timesteps

    def scale_model_input(self, sample: torch.Tensor, timestep: float | torch.Tensor) -> torch.Tensor:
        """Scales a sample to what the network was trained on: unit variance."""
        sigma = float(self.sigmas[self._place(timestep)])
        return sample / math.hypot(sigma, 1.0)

    def step(
        self,
        model_output: torch.Tensor,
        timestep: float | torch.Tensor,
        sample: torch.Tensor,
        generator: torch.Generator | list[torch.Generator] | None = None,
        return_dict: bool = True,
    ) -> OwnSchedulerOutput | tuple[torch.Tensor, torch.Tensor]:
        """Takes one network call's worth of a step.

        Args:
            model_output: What the network said at ``timestep``.
            timestep: The entry of ``timesteps`` this is.
            sample: The sample the network saw, before scaling.
            generator: Source of the fresh noise; a list has one for each picture.
            return_dict: Whether to give an object rather than a tuple.

        Returns:
            The next sample and the clean guess, both in the network's float type.
        """
        place = self._place(timestep)
        self._generator, self._dtype = generator, model_output.dtype
        if self._solver is None:
            self._solver = self.solve(place)
            next(self._solver)
        guess = self.clean_guess(model_output.float(), sample.float(), float(self.sigmas[place]))
        try:
            after = self._solver.send((sample.float(), guess))
        except StopIteration as end:
            after = end.value
        self._step_index = place + 1
        after, guess = after.to(model_output.dtype), guess.to(model_output.dtype)
        return OwnSchedulerOutput(after, guess) if return_dict else (after, guess)

    def add_noise(self, original_samples: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """Gives clean samples the noise of where the loop stands; outside a loop, of the given timesteps."""
        here = self._begin_index if self._step_index is None else self._step_index
        places = [self._find(timestep) if here is None else here for timestep in timesteps]
        sigma = self.sigmas[places].to(original_samples.device, original_samples.dtype)
        return original_samples + noise * sigma.view(-1, *[1] * (original_samples.ndim - 1))

    def __len__(self) -> int:
        """The number of training timesteps, as diffusers' schedulers have it."""
        return int(self.config.num_train_timesteps)

    def clean_guess(self, output: torch.Tensor, sample: torch.Tensor, sigma: float) -> torch.Tensor:
        """What the network believes the picture to be, given its output for a sample with noise σ."""
        if self.config.prediction_type == "sample":
            return output
        if self.config.prediction_type == "epsilon":
            return sample - sigma * output
        return sample / (sigma**2 + 1) - output * (sigma / math.hypot(sigma, 1.0))

    def _place(self, timestep: float | torch.Tensor) -> int:
        if self._step_index is None:
            self._step_index = self._find(timestep) if self._begin_index is None else self._begin_index
        return self._step_index

    def _find(self, timestep: float | torch.Tensor) -> int:
        """The place of a timestep at which a step starts; a call within a step may share its timestep."""
        distances = (self.timesteps - torch.as_tensor(timestep).to(self.timesteps)).abs()
        return self.order * int(distances[0 :: self.order].argmin())


def halved(levels: Levels, eta: float) -> Levels:
    """Puts a level between each two: halfway, in the logarithm, to where an ancestral step goes down to.

    Args:
        levels: Noise levels, falling.
        eta: How much of the noise is renewed.
    """
    down, _ = ancestral(levels[:-1], levels[1:], eta)
    sigmas = np.empty(2 * len(levels) - 1)
    sigmas[0::2] = levels
    sigmas[1::2] = np.sqrt(levels[:-1] * down)
    return sigmas


def ancestral(sigma: Any, following: Any, eta: float) -> tuple[Any, Any]:
    """How far down to go and how much noise to add (Song et al. 2021, appendix F): numbers or arrays.

    σ_up² = η²·σ_next²·(σ² - σ_next²)/σ² and σ_down² = σ_next² - σ_up².

    Args:
        sigma: The level that a step starts at.
        following: The level it ends at.
        eta: How much of the noise is renewed.

    Returns:
        (σ_down, σ_up).
    """
    up = eta * following * np.sqrt(np.maximum(1.0 - (following / sigma) ** 2, 0.0))
    return np.sqrt(np.maximum(following**2 - up**2, 0.0)), up
