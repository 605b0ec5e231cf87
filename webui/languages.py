"""The languages the page can speak: one JSON file each in ``presets/languages``, English words and what they become.

The format is that of A1111's localization files: ``{"Prompt": "Prompt", "Step {0} of {1}": "Schritt {0} von {1}"}``,
with the language's own name under ``@name`` and ``"@direction": "rtl"`` where it is read from the right.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent.parent / "presets" / "languages"


def language_names() -> dict[str, str]:
    """Each language's code (``de``) and its own name (``Deutsch``); English, which needs no file, is left out."""
    return {path.stem: translation(path.stem)["@name"] for path in sorted(HERE.glob("*.json"))}


def translation(code: str) -> dict[str, str]:
    """What the page's English words are in a language.

    Args:
        code: One of ``language_names()``.

    Raises:
        KeyError: If there is no such language.
    """
    paths = {path.stem: path for path in HERE.glob("*.json")}
    told: dict[str, str] = json.loads(paths[code].read_text(encoding="utf-8"))
    return told
