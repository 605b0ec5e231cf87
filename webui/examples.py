"""Prompts that the starter model does well, for the templates and the dice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from pipelines.models import STARTER_FOLDER

FALLBACK: Final = ("a red circle on a blue background",)


def load_examples(folder: Path = STARTER_FOLDER) -> tuple[str, ...]:
    """Reads the list that comes with the starter model, those for the templates first.

    Args:
        folder: The model's folder, with a ``prompts.json``; a list that cannot be read is done without.
    """
    try:
        found = json.loads((folder / "prompts.json").read_text(encoding="utf-8"))
        return tuple(dict.fromkeys([*map(str, found["cards"]), *map(str, found["prompts"])])) or FALLBACK
    except (OSError, ValueError, KeyError, TypeError):
        return FALLBACK
