"""Prompts that the starter model does well, for the templates and the dice."""

from __future__ import annotations

import json
from typing import Final

from pipelines.models import STARTER_FOLDER

FALLBACK: Final = (
    "a red circle on a blue background",
    "a yellow star on a purple background",
    "a small house on a green hill at sunset",
    "a night sky with a large moon",
    "a green triangle on a white background",
    "a calm sea under a golden sky",
    "two orange squares on a black background",
    "a snowy mountain at dawn",
)


def load_examples() -> tuple[str, ...]:
    """Reads the list that comes with the starter model; ours where there is none that can be read."""
    try:
        found = json.loads((STARTER_FOLDER / "prompts.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return FALLBACK
    prompts = tuple(one for one in found if isinstance(one, str) and one.strip()) if isinstance(found, list) else ()
    return prompts or FALLBACK
