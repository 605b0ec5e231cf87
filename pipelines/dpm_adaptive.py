"""DPM adaptive: DPM-Solver steps as long as their error allows (Lu et al. 2022, appendix C, DPM-Solver-23)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from .own_dpm_solver import embedded_second, places, solve_step
from .own_scheduler import NOTHING, OwnScheduler, Solver, ancestral
from .sigma_schedules import Levels

ABSOLUTE = 0.0078
"""Error that is always allowed: the paper's, for pictures in -1 … 1."""
RELATIVE = 0.05
"""Error that is allowed, as a part of the sample: the paper's."""
SAFETY = 0.9
"""How much shorter the next step is than the error would allow: the paper's."""
FIRST_STEP = 0.05
"""Length of the first step in log σ: the paper's."""


class DPMAdaptiveScheduler(OwnScheduler):
    """DPM-Solver-23: the difference between order 2 and 3 sets the length of each step.

    A pipeline asks for the timesteps before it begins, so ``num_inference_steps`` is the most: three network calls a
    step. With that many left, a step is never too short to arrive; a loop that arrives sooner ends sooner, and
    ``timesteps`` then holds those that were run. (A1111 takes no notice of the steps.)
    """

    order = 3

    def lay_levels(self, steps: int) -> Levels:
        """Levels as they were if the error were the same everywhere: even in log σ."""
        config, trained = self.config, self._trained_sigmas
        self._end = float(config.sigma_min or trained[0])
        levels = np.exp(np.linspace(math.log(config.sigma_max or trained[-1]), math.log(self._end), steps + 1))
        return levels[:-1]

    def plan(self, levels: Levels) -> Levels:
        """Three calls between each level and the next."""
        ends = [*levels.tolist()[1:], self._end]
        return np.array(
            [level for here, end in zip(levels.tolist(), ends, strict=True) for level in places(here, end, 3)]
        )

    def set_timesteps(self, num_inference_steps: int, device: str | torch.device | None = None) -> None:
        """As diffusers; ``timesteps`` can be walked through only as far as the loop goes."""
        super().set_timesteps(num_inference_steps, device)
        self._arrived = False
        self.timesteps = EndingTimesteps.of(self.timesteps, lambda: self._arrived)

    @property
    def has_arrived(self) -> bool:
        """Whether the loop is over."""
        return self._arrived

    def solve(self, first: int) -> Solver:
        """Tries a step; takes it if its error is small enough, or if there are no calls for another try."""
        last, place = len(self.timesteps), first
        here, length, after = float(self.sigmas[first]), FIRST_STEP, NOTHING
        while True:
            sample, guess = yield after
            place += 1
            while True:  # tries of one step, which share their first call
                distance, tries = math.log(here / self._end), 1 + (last - place - 2) // 3
                length, forced = _between(length, distance / tries, distance)
                end = here * math.exp(-length) if length < distance else self._end
                down = max(float(ancestral(here, end, self.config.eta)[0]), self._end)
                noises, calls = [(sample - guess) / here], solve_step(sample, guess, here, down, 3)
                levels, asked = places(here, down, 3), next(calls)
                while True:
                    self._say(place, levels[len(noises)])
                    sent = yield asked
                    place += 1
                    noises.append((sent[0] - sent[1]) / levels[len(noises)])
                    try:
                        asked = calls.send(sent)
                    except StopIteration as done:
                        third = done.value
                        break
                error = _error(embedded_second(sample, here, down, noises), third, sample, here, down)
                used, length = length, SAFETY * length * max(error, 1e-9) ** (-1 / 3)
                if error <= 1 or forced or last - place < 2:
                    break
            after, here = third, end
            if used >= distance or place >= last:
                return self._finish(after, place)
            up = math.sqrt(max(end**2 - down**2, 0.0))
            after = after + up * self.draw(after) if up else after
            self._say(place, here)

    def _say(self, place: int, sigma: float) -> None:
        """Tells the pipeline which noise the next call is for; it holds views of these very numbers."""
        self.sigmas[place] = sigma
        self.timesteps[place] = float(self.timesteps_of(sigma))

    def _finish(self, sample: torch.Tensor, place: int) -> torch.Tensor:
        self._arrived = True
        self.timesteps = self.timesteps[:place]
        self.sigmas = torch.cat([self.sigmas[:place], self.sigmas[-1:]])
        return sample


def _between(length: float, shortest: float, longest: float) -> tuple[float, bool]:
    """A step's length, and whether it had to be that long."""
    return min(max(length, shortest), longest), length <= shortest


def _error(second: torch.Tensor, third: torch.Tensor, before: torch.Tensor, start: float, end: float) -> float:
    """The root mean square of order 3 minus order 2, in units of what is allowed.

    Samples are measured as the network sees them, divided by √(1 + σ²), as in the paper: else the much larger ones at
    the start of a step would excuse any error at its end.
    """
    there = second.abs() / math.hypot(1.0, end)
    allowed = torch.maximum(there, before.abs() / math.hypot(1.0, start)).mul(RELATIVE).clamp(min=ABSOLUTE)
    return float(((second - third) / math.hypot(1.0, end) / allowed).square().mean().sqrt())


class EndingTimesteps(torch.Tensor):
    """Timesteps that a ``for`` goes through until the loop has arrived; for all else a tensor."""

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]  # noqa: SLF001  # torch's way
    _over: Callable[[], bool]

    @classmethod
    def of(cls, timesteps: torch.Tensor, over: Callable[[], bool]) -> EndingTimesteps:
        """Makes them of a tensor, whose memory they share.

        Args:
            timesteps: Shape [count].
            over: Says whether to stop.
        """
        ending = timesteps.as_subclass(cls)
        ending._over = over  # noqa: SLF001  # its own
        return ending

    def __deepcopy__(self, _memo: Any) -> torch.Tensor:
        """A copy belongs to another scheduler, whose loop has not begun: a tensor."""
        return self.as_subclass(torch.Tensor).clone()

    def __getitem__(self, key: Any) -> torch.Tensor:
        """A part is one of these too; a single one is a tensor."""
        part: torch.Tensor = torch.Tensor.__getitem__(self, key)
        return EndingTimesteps.of(part, self._over) if isinstance(key, slice) else part

    def __iter__(self) -> Iterator[torch.Tensor]:
        """Each of them, as long as the loop has not arrived."""
        for timestep in self.as_subclass(torch.Tensor).unbind(0):
            if self._over():
                return
            yield timestep
