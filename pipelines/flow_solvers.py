"""DPM++ 2M, UniPC and LCM for flow matching (Stable Diffusion 3, Flux), on the checkpoint's own noise levels."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from diffusers import (
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    FlowMatchLCMScheduler,
    UniPCMultistepScheduler,
)


class _OnFlowLevels:
    """Mixed into a diffusers solver: the levels are those that ``FlowMatchEulerDiscreteScheduler`` lays.

    So the checkpoint's shift, its shift by the picture's size, and the terminal it stretches to are the ones it was
    trained for. diffusers' solvers lay levels of their own and cut timesteps down to whole ones, where the network
    would be told another noise than is there.

    Attributes:
        levels: The checkpoint's own scheduler.
    """

    levels: FlowMatchEulerDiscreteScheduler
    config: Any

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: str | torch.device | None = None,
        sigmas: Sequence[float] | None = None,
        mu: float | None = None,
    ) -> None:
        """Lays out the noise levels of a picture, and forgets the last picture.

        Args:
            num_inference_steps: Steps, where ``sigmas`` does not say.
            device: Where ``timesteps`` go.
            sigmas: Levels before the shift.
            mu: The shift by the picture's size, where the checkpoint has one.
        """
        shifting = bool(self.levels.config.use_dynamic_shifting)
        if sigmas is None:
            assert num_inference_steps is not None
            # Even before the shift. Left to itself the checkpoint's scheduler ends with one step that is tiny in σ and
            # huge in λ, over which a solver that remembers the steps before goes astray.
            sigmas = np.linspace(1.0, 1 / num_inference_steps, num_inference_steps).tolist()
        self.levels.set_timesteps(sigmas=list(sigmas), device=device, **({"mu": mu} if shifting else {}))
        self.sigmas = self.levels.sigmas.to("cpu", torch.float32, copy=True)
        # λ is infinite at σ = 1, and UniPC subtracts one from another
        self.sigmas[0] = min(float(self.sigmas[0]), 1 - 1e-6)
        self.timesteps = self.levels.timesteps.float()
        self.num_inference_steps = len(self.timesteps)
        self.model_outputs = [None] * self.config.solver_order
        self.timestep_list = [None] * self.config.solver_order
        self.lower_order_nums = 0
        self.last_sample = None
        self._step_index = self._begin_index = None

    def scale_noise(self, sample: torch.Tensor, timestep: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """(1 - σ)·sample + σ·noise, as flow matching's schedulers call it."""
        noised: torch.Tensor = self.add_noise(sample, noise, timestep)  # type: ignore[attr-defined]
        return noised


class FlowDPMSolverMultistepScheduler(_OnFlowLevels, DPMSolverMultistepScheduler):  # type: ignore[misc]
    """DPM-Solver++(2M) for flow matching."""


class FlowUniPCMultistepScheduler(_OnFlowLevels, UniPCMultistepScheduler):  # type: ignore[misc]
    """UniPC for flow matching."""


class SeededFlowMatchLCMScheduler(FlowMatchLCMScheduler):  # type: ignore[misc]
    """LCM for flow matching with noise of the picture's own: the flow pipelines hand no generator on.

    Attributes:
        noise_seeds: Where the noise comes from, one for each picture.
    """

    noise_seeds: Sequence[int] = (0,)

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: str | torch.device | None = None,
        sigmas: Sequence[float] | None = None,
        mu: float | None = None,
        timesteps: Sequence[float] | None = None,
    ) -> None:
        """As diffusers'; the noise starts anew."""
        super().set_timesteps(num_inference_steps, device, sigmas, mu, timesteps)
        self._generators = [torch.Generator("cpu").manual_seed(seed) for seed in self.noise_seeds]

    def step(
        self,
        model_output: torch.Tensor,
        timestep: Any,
        sample: torch.Tensor,
        generator: Any = None,
        return_dict: bool = True,
    ) -> Any:
        """As diffusers'."""
        own = self._generators if len(self._generators) == len(sample) else self._generators[0]
        return super().step(model_output, timestep, sample, generator or own, return_dict)


def build_flow_solver(name: str, config: Mapping[str, Any], seeds: Sequence[int]) -> Any:
    """Makes a solver of this file by its class's name.

    Args:
        name: ``FlowDPMSolverMultistepScheduler``, ``FlowUniPCMultistepScheduler`` or ``SeededFlowMatchLCMScheduler``.
        config: The checkpoint's scheduler config: one of flow matching.
        seeds: The pictures'; only LCM asks for them.
    """
    if name == "SeededFlowMatchLCMScheduler":
        known = inspect.signature(FlowMatchLCMScheduler.__init__).parameters
        lcm = SeededFlowMatchLCMScheduler.from_config({key: value for key, value in config.items() if key in known})
        lcm.noise_seeds = tuple(seeds)
        return lcm
    kinds = {kind.__name__: kind for kind in (FlowDPMSolverMultistepScheduler, FlowUniPCMultistepScheduler)}
    known = inspect.signature(FlowMatchEulerDiscreteScheduler.__init__).parameters
    levels = FlowMatchEulerDiscreteScheduler.from_config({key: value for key, value in config.items() if key in known})
    solver = kinds[name](
        num_train_timesteps=levels.config.num_train_timesteps,
        prediction_type="flow_prediction",
        use_flow_sigmas=True,
        use_dynamic_shifting=bool(levels.config.use_dynamic_shifting),
        solver_order=2,
    )
    # What pipelines read to find mu for the size of a picture; the way the shift is done is the levels' own.
    solver.register_to_config(
        **{key: value for key, value in levels.config.items() if key.endswith(("shift", "seq_len"))}
    )
    del solver.alphas_cumprod  # a table of betas that means nothing here, and would tell a preview otherwise
    solver.levels = levels
    return solver
