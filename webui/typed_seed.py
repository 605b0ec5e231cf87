"""The seed as people type it: a number, any words, or nothing."""

from __future__ import annotations

import re
from typing import Final

from pipelines.errors import InvalidRequest
from pipelines.request import LARGEST_SEED
from pipelines.seeds import seed_from_text

NUMERIC: Final = re.compile(r"[\d\s.,+\-]*\d[\d\s.,eE+\-]*")
"""What is meant as a number, good or bad."""


def seed_of(text: object) -> int:
    """Reads the Seed field: empty or "auto" asks for a random seed, which requests write as -1; words are one, too.

    Raises:
        InvalidRequest: It is a number, but no whole one from 0 to 4294967295.
    """
    words = str(text if text is not None else "").strip()
    if words.lower() in ("", "auto", "-1"):
        return -1
    if not NUMERIC.fullmatch(words):
        return seed_from_text(words)
    if not words.isascii() or not words.isdigit() or int(words[:20]) > LARGEST_SEED:
        shown = words if len(words) <= 20 else words[:20] + "…"
        sentence = f"seed is {shown!r}; it must be a whole number from 0 to {LARGEST_SEED}, or empty for a random one."
        raise InvalidRequest("seed", sentence)
    return int(words)
