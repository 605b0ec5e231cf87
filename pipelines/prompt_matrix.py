"""Prompt matrix: ``base|first|second`` as every combination of its optional parts, in A1111's order."""

from __future__ import annotations

from typing import Final

from .errors import InvalidRequest

MOST_PARTS: Final = 8
"""Optional parts; 256 pictures."""


def prompt_matrix(prompt: str, *, first: bool = False, delimiter: str = ", ", parameter: str = "prompt") -> list[str]:
    """Lists the prompts of a matrix: the base alone, with the first part, with the second, with both, and so on.

    Bars inside brackets or braces are theirs: ``a [b|c]|d`` has one optional part.

    Args:
        prompt: The base and its optional parts.
        first: Put the optional parts before the base.
        delimiter: What stands between them.
        parameter: The request's field, for errors.

    Raises:
        InvalidRequest: There are more than eight optional parts.
    """
    base, *parts = matrix_parts(prompt)
    if len(parts) > MOST_PARTS:
        raise InvalidRequest(
            parameter,
            f"{parameter} has {len(parts)} optional parts; give at most {MOST_PARTS}, {2**MOST_PARTS} pictures.",
        )
    combinations = []
    for number in range(2 ** len(parts)):
        chosen = [part for index, part in enumerate(parts) if number >> index & 1]
        texts = [*chosen, base] if first else [base, *chosen]
        combinations.append(delimiter.join(text for text in texts if text))
    return combinations


def matrix_parts(prompt: str) -> list[str]:
    """The base, and then the optional parts; parts that are empty count."""
    return [part.strip() for part in _split(prompt)]


def _split(prompt: str) -> list[str]:
    parts, depth, start, escaped = [], 0, 0, False
    for place, sign in enumerate(prompt):
        if escaped or sign == "\\":
            escaped = not escaped
        elif sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth = max(0, depth - 1)
        elif sign == "|" and not depth:
            parts.append(prompt[start:place])
            start = place + 1
    return [*parts, prompt[start:]]
