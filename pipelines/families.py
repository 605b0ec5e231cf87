"""Model families as data: which pipeline classes, sizes, defaults and preview colours a kind of model has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import PresetError
from .preset import PRESETS, load_presets


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of model.

    Attributes:
        id: The file's name under ``presets/families``.
        name: For people.
        pipelines: diffusers pipeline class by task; a task that is absent cannot be done.
        native_size: Side in pixels of the square it was trained on, where its files do not say.
        defaults: Request fields that suit it.
        preview: ``factors`` and ``bias`` of the linear preview, or None.
    """

    id: str
    name: str
    pipelines: Mapping[str, str]
    native_size: int
    defaults: Mapping[str, Any] = field(default_factory=dict)
    preview: Mapping[str, Any] | None = None


def load_families(folder: Path = PRESETS / "families") -> tuple[dict[str, Family], tuple[PresetError, ...]]:
    """Reads every family, keyed by id; a broken file keeps none of the others from being read.

    Returns:
        The families, and one error for each file that cannot be used.
    """
    presets, problems = load_presets(folder)
    families = {}
    for name, values in presets.items():
        try:
            family = Family(**values)
        except TypeError as error:
            problems += (PresetError(f"presets/families/{name} cannot be used ({error}); restore the file."),)
            continue
        families[family.id] = family
    return families, problems
