"""What loaded models may take together: main memory and the card's, each for what lies there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .kept_models import Kept
from .plans import GIB, KEPT_FREE, Machine, Wishes


@dataclass(frozen=True, slots=True)
class MemoryBudget:
    """Bytes for models that are kept.

    Attributes:
        ram: Of main memory.
        card: Of the card, for models that lie there whole; 0 where there is none.
    """

    ram: int
    card: int = 0

    @classmethod
    def of(cls, machine: Machine, wishes: Wishes) -> MemoryBudget:
        """Half of the main memory that is free now, or what ``--models-memory`` says; of a card all but some.

        Args:
            machine: As it is before anything is loaded.
            wishes: What is wanted otherwise.
        """
        asked = wishes.models_memory
        ram = machine.ram_bytes // 2 if asked is None else int(asked * GIB)
        return cls(ram, max(0, machine.free_bytes - KEPT_FREE) if machine.device == "cuda" else 0)

    def holds(self, kept: Sequence[Kept], wanted: int) -> bool:
        """Whether models may be there together.

        Those that can lie on the card fill it; what is too much for it waits in main memory with those that come to
        the card in parts.

        Args:
            kept: What is there.
            wanted: Bytes of one that is to come, which is built in main memory.
        """
        whole = sum(one.size for one in kept if one.model.plan is None or one.model.plan.offload == "none")
        parts = sum(one.size for one in kept) - whole
        return parts + max(0, whole - self.card) + wanted <= self.ram
