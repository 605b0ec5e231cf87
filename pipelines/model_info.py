"""What is known of a model without loading it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from .families import Family

STARTER_ID: Final = "starter"
STARTER_FOLDER: Final = Path(__file__).resolve().parent / "starter" / "weights"

UNKNOWN: Final = "unknown"
"""The family of what cannot be used because nobody knows what it is."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model that can be asked for.

    Attributes:
        id: What a request's ``model`` holds.
        name: For people.
        family: The family's id.
        tasks: Which of ``text_to_image``, ``image_to_image`` and ``inpaint`` it can do.
        native_size: Side in pixels of the square it was trained on.
        defaults: Request fields that suit it (steps, guidance, sampler).
        folder: Where it lies, in diffusers' layout; for a single file the folder it is in.
        preview: ``factors`` and ``bias`` of the linear preview, or None.
        file: The single ``.safetensors`` file in the original layout; None for a folder in diffusers' layout.
        kind: ``folder``, ``file``, or ``hub`` for what was or is still to be fetched by its Hub id.
        variant: What sets it apart within its family: ``inpaint``, ``v_prediction``, ``refiner``, …; empty = nothing.
        size_bytes: Of the weights.
        hash: Ten hexadecimal digits, the first of the file's SHA-256, where that is already known.
        problem: A sentence why it cannot be used; ``tasks`` is then empty.
    """

    id: str
    name: str
    family: str
    tasks: tuple[str, ...]
    native_size: int
    defaults: Mapping[str, Any] = field(default_factory=dict)
    folder: Path = field(default=STARTER_FOLDER, repr=False)
    preview: Mapping[str, Any] | None = field(default=None, repr=False)
    file: Path | None = None
    kind: Literal["folder", "file", "hub"] = "folder"
    variant: str = ""
    size_bytes: int = 0
    hash: str | None = None
    problem: str = ""

    @property
    def place(self) -> Path:
        """What its weights are read from: the single file, or the folder."""
        return self.file or self.folder


def tasks_of(family: Family, variant: str) -> tuple[str, ...]:
    """All that the family can do; nine channels were trained to inpaint and can do nothing else."""
    return tuple(task for task in family.pipelines if task == "inpaint" or variant != "inpaint")


def unusable(model_id: str, path: Path, problem: str, family: str | None = None) -> ModelInfo:
    """Something that lies among the models and cannot be used.

    Args:
        model_id: What a request would have to say.
        path: Where it is.
        problem: Why, in one sentence.
        family: Its family, where it is known.
    """
    single = path.is_file() and not path.is_symlink()
    return ModelInfo(
        id=model_id,
        name=model_id,
        family=family or UNKNOWN,
        tasks=(),
        native_size=512,
        folder=path.parent if single else path,
        file=path if single else None,
        kind="file" if single else "folder",
        size_bytes=path.stat().st_size if single else 0,
        problem=problem,
    )
