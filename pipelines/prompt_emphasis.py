r"""How strongly each stretch of a prompt counts: A1111's brackets.

``(x)`` is 1.1 times as strong, ``[x]`` 1.1 times weaker, ``(x:1.3)`` 1.3 times as strong; nesting multiplies, and
``\(`` is a bracket to be read. A bracket that is never closed counts up to the prompt's end, one never opened is text.
``BREAK`` begins a new chunk. The meaning is that of A1111's "Original" emphasis.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from .errors import InvalidRequest

STEP: Final = 1.1
"""What one pair of brackets multiplies or divides by, as in A1111."""

LARGEST_WEIGHT: Final = 100.0
"""Beyond it nothing but noise is left of a picture; 48 nested brackets make 97."""

MOST_BRACKETS: Final = 100

NUMBER: Final = r"[+-]?(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})"
_TOKEN: Final = re.compile(rf"\\[()\[\]\\]|\\|[()\[\]]|:\s{{0,20}}({NUMBER})\s{{0,20}}\)|[^\\()\[\]:]+|:")
_BREAK: Final = re.compile(r"\bBREAK\b")
_SYNTAX: Final = re.compile(r"[\\()\[\]]|\bBREAK\b")


class Weighted(NamedTuple):
    """A stretch of text, and how strongly it counts; 1 = as written."""

    text: str
    weight: float


Block = tuple[Weighted, ...]
"""What stands between two ``BREAK``."""


class _Pieces:
    """A block while it is being read; texts are joined once, or twenty thousand brackets would take their square."""

    def __init__(self) -> None:
        self._texts: list[list[str]] = []
        self._weights: list[float] = []

    def add(self, text: str, weight: float) -> None:
        if not text:
            return
        if not self._weights or self._weights[-1] != weight:
            self._weights.append(weight)
            self._texts.append([])
        self._texts[-1].append(text)

    def joined(self) -> Block:
        return tuple(Weighted("".join(texts), weight) for texts, weight in zip(self._texts, self._weights, strict=True))


def parse_emphasis(text: str, parameter: str = "prompt") -> tuple[Block, ...]:
    """Reads a prompt's brackets, in time that grows with its length alone.

    Args:
        text: The prompt.
        parameter: The request's field, for errors.

    Returns:
        The blocks between ``BREAK``; neighbours of equal weight are one. A text without syntax is itself.

    Raises:
        InvalidRequest: A weight is beyond -100 … 100.
    """
    if not _SYNTAX.search(text):
        return ((Weighted(text, 1.0),),) if text else ((),)
    blocks: list[_Pieces] = [_Pieces()]
    for piece, weight in _weighted(text, parameter):
        before, *after = _BREAK.split(piece) if "BREAK" in piece else (piece,)
        blocks[-1].add(before.rstrip() if after else before, weight)
        for index, part in enumerate(after, 1):
            blocks.append(_Pieces())
            blocks[-1].add(part.strip() if index < len(after) else part.lstrip(), weight)
    return tuple(block.joined() for block in blocks)


def plain_text(text: str) -> str:
    """Gives a prompt without its brackets' meaning, for networks that know no weights.

    Raises:
        InvalidRequest: As :func:`parse_emphasis`.
    """
    blocks = parse_emphasis(text)
    return " ".join("".join(piece.text for piece in block) for block in blocks)


def has_emphasis(text: str) -> bool:
    """Tells whether a prompt has brackets, backslashes or ``BREAK``."""
    return _SYNTAX.search(text) is not None


def unbalanced(text: str, parameter: str = "prompt") -> str | None:
    """Says in one sentence which bracket has no partner, and what it does; None where all have.

    Args:
        text: The prompt.
        parameter: The request's field, for the sentence.
    """
    opened: dict[str, list[int]] = {"(": [], "[": []}
    for found in _TOKEN.finditer(text):
        token = found[0]
        closed = {")": "(", "]": "["}.get(token[-1]) if token[0] != "\\" else None
        if token in opened:
            opened[token].append(found.start())
        elif closed and opened[closed]:
            opened[closed].pop()
        elif closed:
            place = found.end()
            return (
                f"{parameter} has a {token[-1]!r} at character {place} that nothing opens; open "
                f"one before it, or write \\{token[-1]} for the sign itself."
            )
    for bracket, places in opened.items():
        if places:
            return (
                f"{parameter} has a {bracket!r} at character {places[-1] + 1} that is never closed; "
                f"close it, or write \\{bracket} for the sign itself."
            )
    return None


def _weighted(text: str, parameter: str) -> Iterator[tuple[str, float]]:
    tokens = list(_TOKEN.finditer(text))
    explicit = _explicit(tokens)
    rounds: list[float | None] = []
    product, steps, squares = [1.0], 0, 0
    for index, token in enumerate(tokens):
        sign = token[0]
        if sign == "(":
            factor = explicit.get(index)
            rounds.append(factor)
            if factor is None:
                steps += 1
            else:
                product.append(product[-1] * factor)
        elif sign == "[":
            squares += 1
        elif rounds and (sign == ")" or token[1] is not None):
            if rounds.pop() is None:
                steps -= 1
            else:
                product.pop()
        elif sign == "]" and squares:
            squares -= 1
        else:
            weight = _power(steps - squares, product[-1], parameter)
            yield sign[1:] if sign[0] == "\\" else sign, weight


def _explicit(tokens: list[re.Match[str]]) -> dict[int, float]:
    """The weight that is written at the end of a bracket, by the token that opens it."""
    opened: list[int] = []
    found: dict[int, float] = {}
    for index, token in enumerate(tokens):
        if token[0] == "(":
            opened.append(index)
        elif opened and (token[0] == ")" or token[1] is not None):
            place = opened.pop()
            if token[1] is not None:
                found[place] = float(token[1])
    return found


def _power(steps: int, product: float, parameter: str) -> float:
    weight = product * STEP**steps if abs(steps) <= MOST_BRACKETS else LARGEST_WEIGHT + 1
    if abs(weight) <= LARGEST_WEIGHT:  # a not-a-number is not, either
        return weight
    raise InvalidRequest(
        parameter,
        f"{parameter} has brackets that make a weight beyond {LARGEST_WEIGHT:g}; nest fewer, or write a weight such as "
        "(words:1.3).",
    )
