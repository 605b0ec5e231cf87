"""How far a picture is that is painted in several passes, also where one of them ends sooner than planned."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

OnStep = Callable[[int, int, torch.Tensor], None]


class StepTally:
    """Counts the steps of all passes together.

    Args:
        counts: Steps planned for each.
        on_step: Told steps done, steps of all passes, and the clean guess.
    """

    def __init__(self, counts: Sequence[int], on_step: OnStep) -> None:
        self._counts, self._on_step = list(counts), on_step

    def of(self, index: int) -> OnStep:
        """Gives what one pass tells of its steps; passes follow one another."""

        def step_done(done: int, total: int, guess: torch.Tensor) -> None:
            self._counts[index] = total
            self._on_step(sum(self._counts[:index]) + done, sum(self._counts), guess)

        return step_done
