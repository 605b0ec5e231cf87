"""Model families as data: which pipeline classes, sizes, defaults and preview colours a kind of model has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from .errors import PresetError

FOLDER: Final = Path(__file__).resolve().parent.parent / "presets" / "families"


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


def load_families(folder: Path = FOLDER) -> dict[str, Family]:
    """Reads every family, keyed by id.

    Raises:
        PresetError: A file is not JSON or lacks a field; the sentence names it.
    """
    families = {}
    for path in sorted(folder.glob("*.json")):
        try:
            family = Family(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise PresetError(f"presets/families/{path.name} cannot be read ({error}); restore the file.") from error
        families[family.id] = family
    return families
