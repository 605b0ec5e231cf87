"""Prompts that differ from step to step, or ask for several answers at once, given to the network as it is called.

The pipeline runs unmodified with the first step's embeddings; what is parked for the engine has those of the present
step. ``AND`` is composable diffusion (Liu et al. 2022): each part's answer pulls away from the unconditional one by its
weight, ε = ε_u + Σ wᵢ (ε_i - ε_u), as A1111 does; without guidance it is the weighted mean of the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch

from .prompt_encoding import Encoded


class Wanted(NamedTuple):
    """What one step asks for: each part's embeddings, all of one shape, and its weight."""

    parts: tuple[Encoded, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True)
class StepPrompts:
    """The prompts of one picture, step by step.

    Attributes:
        positive: By step.
        negative: By step; empty where there is no guidance.
        steps: Steps that the plan was made for.
        progress: Tells steps done and steps in all, as the scheduler counts them.
    """

    positive: Sequence[Wanted] = field(repr=False)
    negative: Sequence[Encoded] = field(repr=False)
    steps: int
    progress: Callable[[], tuple[int, int]] = lambda: (0, 1)

    def counted_by(self, progress: Callable[[], tuple[int, int]]) -> StepPrompts:
        """The same for one picture.

        Args:
            progress: Tells steps done and steps in all.
        """
        return replace(self, progress=progress)

    def now(self) -> tuple[Wanted, Encoded | None]:
        """What the present step asks for. Samplers with two timesteps a step read the same in both."""
        done, total = self.progress()
        step = min(done * self.steps // max(total, 1), self.steps - 1)
        negative = self.negative[min(step, len(self.negative) - 1)] if self.negative else None
        return self.positive[min(step, len(self.positive) - 1)], negative

    def denoise(self, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Calls the network with the present step's prompts.

        Args:
            call: The network; its first argument is the sample, the unconditional one first where there is guidance.
            args: What the pipeline gives it.
            kwargs: Likewise; ``encoder_hidden_states`` among them.

        Returns:
            As the pipeline expects it: an answer for each of its samples.
        """
        wanted, negative = self.now()
        guided = negative is not None and len(args[0]) == 2
        rows = [*([negative] if guided and negative is not None else []), *wanted.parts]
        size = len(args[0])
        order = [*([0] if guided else []), *[size - 1] * len(wanted.parts)]
        args = tuple(_spread(value, size, order) for value in args)
        kwargs = {name: _spread(value, size, order) for name, value in kwargs.items()}
        before = kwargs["encoder_hidden_states"]
        kwargs["encoder_hidden_states"] = torch.cat([row.embeddings for row in rows]).to(before)
        if rows[0].pooled is not None:
            added = dict(kwargs["added_cond_kwargs"])
            pooled = [row.pooled for row in rows if row.pooled is not None]
            added["text_embeds"] = torch.cat(pooled).to(added["text_embeds"])
            kwargs["added_cond_kwargs"] = added
        output = call(*args, **kwargs)
        if wanted.weights == (1.0,) or (len(wanted.weights) == 1 and not guided):
            return output
        return _combined(output, wanted.weights, guided=guided)


def _spread(value: Any, size: int, order: list[int]) -> Any:
    """The rows of what has one for each sample, by their new order."""
    if isinstance(value, torch.Tensor) and value.ndim and len(value) == size and order != list(range(size)):
        return value[order]
    if isinstance(value, dict):
        return {name: _spread(part, size, order) for name, part in value.items()}
    return value


def _combined(output: Any, weights: Sequence[float], *, guided: bool) -> Any:
    answer = output[0]
    shares = torch.tensor(weights, dtype=answer.dtype, device=answer.device).reshape(-1, *[1] * (answer.ndim - 1))
    if guided:
        plain, others = answer[:1], answer[1:]
        answer = torch.cat([plain, plain + (shares * (others - plain)).sum(0, keepdim=True)])
    else:
        total = float(shares.sum())
        answer = (shares * answer).sum(0, keepdim=True) / (total if abs(total) > 1e-3 else 1.0)
    return (answer,) if isinstance(output, tuple) else type(output)(sample=answer)
