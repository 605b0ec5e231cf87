"""What was found in the folders that were asked about, sorted by what it is."""

from __future__ import annotations

from dataclasses import dataclass

from .extras import ExtraFile
from .model_info import ModelInfo
from .shelf import Entry


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything that was found, as it was when the folders were last seen to change."""

    shelved: list[tuple[Entry, ...]]
    known: int
    models: tuple[ModelInfo, ...]
    refused: tuple[ModelInfo, ...]
    extras: dict[str, tuple[ExtraFile, ...]]

    def is_of(self, shelved: list[tuple[Entry, ...]], known: int) -> bool:
        """Whether it lists these very tuples, with as many hashes; what is in them need not be compared."""
        same = all(mine is theirs for mine, theirs in zip(self.shelved, shelved, strict=True))
        return same and self.known == known
