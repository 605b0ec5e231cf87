"""The networks of a model in diffusers' layout: a folder for each part, ``.safetensors`` only, no code of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import torch

from .building import load_pretrained
from .errors import ModelError
from .parts import INDEX, SCHEDULER, Part, parts_of, read_json

HALF: Final = "fp16"
"""The variant that is taken where a part has no plain weights."""


class DiffusersFolder:
    """A folder opened for loading.

    Args:
        folder: It holds a ``model_index.json``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def index(self) -> dict[str, Any]:
        """What ``model_index.json`` holds.

        Raises:
            OSError: It cannot be read.
            ValueError: It is damaged.
        """
        return read_json(self._folder / INDEX)

    @property
    def scheduler(self) -> dict[str, Any]:
        """The scheduler's configuration; raises as :attr:`index` does."""
        return read_json(self._folder / SCHEDULER / "scheduler_config.json")

    def parts(self, known: frozenset[str]) -> dict[Part, int]:
        """Its parts, each with the bytes of its weights."""
        return {part: sum(path.stat().st_size for path in self._weights(part)) for part in parts_of(self.index, known)}

    def load(self, part: Part, dtype: torch.dtype) -> Any:
        """Makes one part.

        Args:
            part: Which.
            dtype: What its weights are turned into.

        Raises:
            ModelError: It has no ``.safetensors`` weights.
            ValueError: Some of its weights are missing.
        """
        own = self._folder / part.name
        if not part.is_network:
            return part.kind.from_pretrained(own, local_files_only=True)
        names = [path.name for path in self._weights(part)]
        if not names:
            raise ModelError(f"{part.label} has no .safetensors weights")
        halved = {"variant": HALF} if all(f".{HALF}" in name for name in names) else {}
        return load_pretrained(part.kind, own, dtype, label=part.label, **halved)

    def _weights(self, part: Part) -> list[Path]:
        """A part's weight files: the plain ones or, where there are none, those in half precision."""
        found = sorted((self._folder / part.name).glob("*.safetensors")) if part.is_network else []
        return [path for path in found if f".{HALF}" not in path.name] or found
