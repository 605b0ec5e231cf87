"""DPM-Solver++(2S) with ancestral noise, as a diffusers scheduler; diffusers has only the noiseless one.

Written from the mathematics. With x the picture plus noise of standard deviation σ, and D(x, σ) the network's
clean guess, the probability flow is dx/dλ = D - x in λ = -log σ, so that over a step from σ to τ

    x(τ) = (τ/σ)·x + (1 - τ/σ)·D            with D held still:  first order

and taking D halfway in λ, at m = √(σ·τ), makes it second order (Lu et al. 2022, "DPM-Solver++", algorithm 2S
with r = ½, data prediction; here in coordinates divided by α). Ancestral sampling (Song et al. 2021,
"Score-based generative modeling through SDEs", appendix F) goes down below the next level and adds fresh
noise up to it:

    σ_up² = η²·σ_next²·(σ² - σ_next²)/σ²    and    σ_down² = σ_next² - σ_up²
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.schedulers.scheduling_utils import KarrasDiffusionSchedulers, SchedulerMixin
from diffusers.utils import BaseOutput
from diffusers.utils.torch_utils import randn_tensor

from .noise_levels import cumulative_alphas, shape_sigmas, space_timesteps


@dataclass
class DPMSolver2SAncestralOutput(BaseOutput):  # type: ignore[misc]  # diffusers has no types
    """What a step gives.

    Attributes:
        prev_sample: The sample at the next noise level.
        pred_original_sample: The clean guess this step used.
    """

    prev_sample: torch.Tensor
    pred_original_sample: torch.Tensor | None = None


class DPMSolver2SAncestralScheduler(SchedulerMixin, ConfigMixin):  # type: ignore[misc]  # no types there
    """DPM-Solver++(2S) ancestral: second order, two network calls a step, the last step one.

    ``timesteps`` and ``sigmas`` hold both calls of every step in turn (level, halfway, level, halfway, …,
    level), as diffusers' other schedulers of ``order`` 2 do, so that a pipeline may start at any even place.

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
            flag is set.
        steps_offset: Added to ``leading`` timesteps.
        eta: How much of the noise each step renews: 1 all that can be, 0 none (which is DPM-Solver++(2S)).

    Raises:
        ValueError: Both flags are set, or a word is none of those above.
    """

    _compatibles: ClassVar[list[str]] = [scheduler.name for scheduler in KarrasDiffusionSchedulers]
    order = 2

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
        timestep_spacing: str = "linspace",  # noqa: ARG002  # this and the next two are read from self.config
        steps_offset: int = 0,  # noqa: ARG002
        eta: float = 1.0,  # noqa: ARG002
    ) -> None:
        if use_karras_sigmas and use_exponential_sigmas:
            raise ValueError("use_karras_sigmas and use_exponential_sigmas are both set; set one of them.")
        if prediction_type not in ("epsilon", "v_prediction", "sample"):
            raise ValueError(f"prediction_type is {prediction_type!r}; use epsilon, v_prediction or sample.")
        self.alphas_cumprod = cumulative_alphas(num_train_timesteps, beta_start, beta_end, beta_schedule, trained_betas)
        self._trained_sigmas = ((1 - self.alphas_cumprod) / self.alphas_cumprod).sqrt().double().numpy()
        self._step_index: int | None = None
        self._begin_index: int | None = None
        self._start: torch.Tensor | None = None
        self.set_timesteps(num_train_timesteps)

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
            num_inference_steps: Steps; there will be one less than twice as many network calls.
            device: Where ``timesteps`` go.
        """
        config, trained = self.config, self._trained_sigmas
        if config.use_karras_sigmas or config.use_exponential_sigmas:
            rho = 7.0 if config.use_karras_sigmas else None
            levels = shape_sigmas(trained[0], trained[-1], num_inference_steps, rho)
        else:
            places = space_timesteps(
                config.timestep_spacing, num_inference_steps, len(trained), offset=config.steps_offset
            )
            levels = np.exp(np.interp(places, np.arange(len(trained)), np.log(trained)))
        down, _ = _ancestral(levels[:-1], levels[1:], config.eta)
        sigmas = np.empty(2 * num_inference_steps - 1)
        sigmas[0::2] = levels
        sigmas[1::2] = np.sqrt(levels[:-1] * down)
        timesteps = np.interp(np.log(sigmas), np.log(trained), np.arange(len(trained)))
        self.num_inference_steps = num_inference_steps
        self.sigmas = torch.from_numpy(np.append(sigmas, 0.0)).float()
        self.timesteps = torch.from_numpy(timesteps).float().to(device)
        self._step_index = self._begin_index = self._start = None

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
    ) -> DPMSolver2SAncestralOutput | tuple[torch.Tensor, torch.Tensor]:
        """Takes one network call's worth of a step: to the halfway level, or from there to the next one.

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
        sigmas = self.sigmas.tolist()
        guess = self._clean_guess(model_output.float(), sample.float(), sigmas[place])
        if place == len(self.timesteps) - 1:
            after = guess
        elif place % 2 == 0:
            self._start = sample.float()
            after = torch.lerp(guess, self._start, sigmas[place + 1] / sigmas[place])
        else:
            assert self._start is not None, "a loop starts at an even place of timesteps"
            down, up = _ancestral(sigmas[place - 1], sigmas[place + 1], self.config.eta)
            after = torch.lerp(guess, self._start, float(down) / sigmas[place - 1])
            noise = randn_tensor(after.shape, generator=generator, device=after.device, dtype=model_output.dtype)
            after = after + float(up) * noise.float()
            self._start = None
        self._step_index = place + 1
        after, guess = after.to(model_output.dtype), guess.to(model_output.dtype)
        return DPMSolver2SAncestralOutput(after, guess) if return_dict else (after, guess)

    def add_noise(self, original_samples: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """Gives clean samples the noise of where the loop stands; outside a loop, of the given timesteps."""
        here = self._begin_index if self._step_index is None else self._step_index
        places = [self._find(timestep) if here is None else here for timestep in timesteps]
        sigma = self.sigmas[places].to(original_samples.device, original_samples.dtype)
        return original_samples + noise * sigma.view(-1, *[1] * (original_samples.ndim - 1))

    def __len__(self) -> int:
        """The number of training timesteps, as diffusers' schedulers have it."""
        return int(self.config.num_train_timesteps)

    def _clean_guess(self, output: torch.Tensor, sample: torch.Tensor, sigma: float) -> torch.Tensor:
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
        """The even place of a timestep; with η = 1 a halfway level equals the next one, which is meant."""
        distances = (self.timesteps - torch.as_tensor(timestep).to(self.timesteps)).abs()
        return 2 * int(distances[0::2].argmin())


def _ancestral(sigma: Any, following: Any, eta: float) -> tuple[Any, Any]:
    """How far down to go and how much noise to add: (σ_down, σ_up), numbers or arrays."""
    up = eta * following * np.sqrt(np.maximum(1.0 - (following / sigma) ** 2, 0.0))
    return np.sqrt(np.maximum(following**2 - up**2, 0.0)), up
