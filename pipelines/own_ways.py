"""How one picture's calls of the shared networks differ from everybody's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from .step_memory import StepMemory
from .touches import Touches


@dataclass(frozen=True)
class OwnWays:
    """How a picture's calls differ from everybody's; without anything they do not.

    Attributes:
        touches: What is done to the denoiser, and whether the VAE's edges meet.
        after: What is done to each of the denoiser's answers; None = nothing.
        posterior: What encoded pictures are sampled with; None = with what the pipeline says.
        memory: What the denoiser answered before; None = nothing is remembered.
    """

    touches: Touches = field(default_factory=Touches)
    after: Callable[[Any], Any] | None = None
    posterior: torch.Generator | None = None
    memory: StepMemory | None = None
