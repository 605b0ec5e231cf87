"""DDIM CFG++: DDIM whose noise is the one that the network sees without the prompt (Chung et al. 2024)."""

from __future__ import annotations

from typing import Any, Final

import torch

from .errors import GenerationError
from .own_scheduler import NOTHING, OwnScheduler, Solver

SCALE: Final = 12.5
"""A guidance scale divided by this is the paper's λ, which lies between 0 and 1; A1111's number."""


class DDIMCFGPPScheduler(OwnScheduler):
    """DDIM with CFG++ (equation 8 and algorithm 2), order 1.

    With ε_u what the network says without the prompt and ε_λ = ε_u + λ·(ε_c - ε_u), the clean guess comes from ε_λ, and
    the noise that is put back is ε_u. A pipeline tells its scheduler only the guided output, so somebody has to let
    :meth:`see_unconditional` see the network's. Without guidance there is but one output, and this is DDIM.
    """

    _seen: torch.Tensor | None = None
    _inputs = 1

    def see_unconditional(self, network_output: torch.Tensor) -> None:
        """Takes notice of what the network said: both halves of a guided call, the one without the prompt first.

        Args:
            network_output: Shape [2 × pictures, …] where there is guidance, [pictures, …] where there is none.
        """
        self._seen = network_output

    def set_timesteps(self, num_inference_steps: int, device: str | torch.device | None = None) -> None:
        """As diffusers'."""
        super().set_timesteps(num_inference_steps, device)
        self._seen = None

    def scale_model_input(self, sample: torch.Tensor, timestep: float | torch.Tensor) -> torch.Tensor:
        """As diffusers'; its size tells whether there is guidance."""
        self._inputs = len(sample)
        return super().scale_model_input(sample, timestep)

    def step(
        self,
        model_output: torch.Tensor,
        timestep: float | torch.Tensor,
        sample: torch.Tensor,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """As diffusers'.

        Raises:
            GenerationError: There is guidance, and :meth:`see_unconditional` was shown nothing.
        """
        guided, sigma = self._inputs > len(sample), float(self.sigmas[self._place(timestep)])
        plain = model_output
        if guided:
            if self._seen is None or len(self._seen) != 2 * len(sample):
                raise GenerationError(
                    "DDIM CFG++ was not shown what the network says without the prompt; use DDIM, or a guidance_scale "
                    "of 1."
                )
            plain = self._seen[: len(sample)].to(model_output)
        self._seen = None
        self._plain_guess = self.clean_guess(plain.float(), sample.float(), sigma)
        self._toward = 1 / SCALE if guided else 1.0
        return super().step(model_output, timestep, sample, *args, **kwargs)

    def solve(self, first: int) -> Solver:
        """x(τ) = D_λ + τ·ε_u."""
        sigmas = self.sigmas.tolist()
        after = NOTHING
        for place in range(first, len(sigmas) - 1):
            sample, guess = yield after
            noise = (sample - self._plain_guess) / sigmas[place]
            after = torch.lerp(self._plain_guess, guess, self._toward) + sigmas[place + 1] * noise
        return after


def show_unconditional(scheduler: Any, network: Any) -> Any:
    """Lets a scheduler that asks for it see what its picture's network says; for others it does nothing.

    Args:
        scheduler: A fresh one.
        network: The U-Net of this picture's pipeline alone: its ``forward`` is listened to.

    Returns:
        What ends it with ``remove()``, for a network that outlives the picture; None where nothing was done.
    """
    if not hasattr(scheduler, "see_unconditional"):
        return None

    def seen(_module: Any, _args: Any, output: Any) -> None:
        scheduler.see_unconditional(output[0] if isinstance(output, tuple) else output.sample)

    return network.register_forward_hook(seen)
