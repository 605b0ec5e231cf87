"""Prompts of several texts, each with a weight: their embeddings are blended.

klms-gui: ``mountain:0.8 sea:0.2``, weights divided by their sum. Dream Studio: texts between ``|`` or on lines of their
own, ``mountain:0.8 | sea:-0.5``, weights from -1 to 1; what is negative is avoided.
"""

from __future__ import annotations

import re
from typing import Final

from .errors import InvalidRequest

MOST_TEXTS: Final = 10
"""As many as Dream Studio had."""

Blend = tuple[tuple[str, float], ...]
"""Texts with their shares, which add up to 1."""

_WEIGHTED: Final = re.compile(r":\s{0,20}(-?(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20}))(?=\s|$)")


def parse_weighted(prompt: str) -> Blend:
    """Reads klms-gui's sub-prompts.

    Raises:
        InvalidRequest: There are more than ten, or the weights add up to nothing.
    """
    found, start = [], 0
    for mark in _WEIGHTED.finditer(prompt):
        found.append((prompt[start : mark.start()].strip(), float(mark[1])))
        start = mark.end()
    if not found:
        return ((prompt, 1.0),)
    rest = prompt[start:].strip()
    return _shares([*found, (rest, 1.0)] if rest else found)


def parse_dream_studio(prompt: str, negative_prompt: str = "") -> tuple[Blend, Blend]:
    """Reads Dream Studio's multi-prompts.

    Args:
        prompt: The texts.
        negative_prompt: What to avoid besides, with a weight of -1.

    Returns:
        What is wanted and what is avoided; each may be blended. Nothing is avoided where no weight is negative.

    Raises:
        InvalidRequest: A weight is beyond -1 … 1, nothing is wanted, or there are more than ten texts.
    """
    texts = [text for text in re.split(r"[|\n]", prompt) if text.strip()]
    if len(texts) == 1 and not _WEIGHTED.search(texts[0]):
        return ((prompt, 1.0),), ()
    rows = [_row(text) for text in texts]
    wanted = [(text, weight) for text, weight in rows if weight > 0]
    avoided = [(text, -weight) for text, weight in rows if weight < 0]
    if not wanted:
        raise InvalidRequest("prompt", "prompt has no text with a weight above 0; say what you want to see.")
    if avoided and negative_prompt.strip():
        avoided.append((negative_prompt, 1.0))
    return _shares(wanted), _shares(avoided) if avoided else ()


def _row(text: str) -> tuple[str, float]:
    words, colon, said = text.rpartition(":")
    if not (colon and _WEIGHTED.fullmatch(f":{said.strip()}")):
        return text.strip(), 1.0
    if not -1 <= float(said) <= 1:
        raise InvalidRequest("prompt", f"prompt has the weight {said.strip()[:20]}; give weights from -1 to 1.")
    return words.strip(), float(said)


def _shares(rows: list[tuple[str, float]]) -> Blend:
    if len(rows) > MOST_TEXTS:
        raise InvalidRequest("prompt", f"prompt has {len(rows)} weighted texts; give at most {MOST_TEXTS}.")
    total = sum(weight for _, weight in rows)
    largest = max(abs(weight) for _, weight in rows)
    if largest == 0 or abs(total) < 0.01 * largest or largest > 1e6:
        raise InvalidRequest("prompt", f"prompt has weights that add up to {total:g}; raise one of them.")
    return tuple((text, weight / total) for text, weight in rows)
