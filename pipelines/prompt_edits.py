"""Prompts that change while the picture forms: A1111's prompt editing and alternation.

``[from:to:when]`` reads ``from`` up to a step and ``to`` after it, ``[to:when]`` and ``[from::when]`` leave one out;
``[a|b]`` takes turns, step by step. ``when`` with a point is a share of the steps (0.25; 1.5 is half-way through a
second pass), without one a number of steps. Brackets that are neither stay for :mod:`~pipelines.prompt_emphasis`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from .errors import InvalidRequest
from .prompt_emphasis import NUMBER

DEEPEST: Final = 32
"""Square brackets inside each other; more could only be a mistake."""

_TOKEN: Final = re.compile(r"\\.|[\[\]():|]|[^\\\[\]():|]+|\\", re.DOTALL)
_NUMBER: Final = re.compile(NUMBER)


@dataclass(frozen=True, slots=True)
class Edit:
    """One text up to a step, and another after it."""

    before: Nodes
    after: Nodes
    when: float
    share: bool

    def last_step(self, steps: int, steps_before: int) -> int:
        """How many steps of this pass read ``before``."""
        if self.share and self.when <= 2:
            return int((self.when - (1.0 if steps_before else 0.0)) * steps)
        return int(self.when) - steps_before


@dataclass(frozen=True, slots=True)
class Alternation:
    """Texts that take turns."""

    options: tuple[Nodes, ...]


Nodes = tuple[str | Edit | Alternation, ...]


@dataclass(frozen=True, slots=True)
class Edited:
    """A prompt that may change from step to step. Made by :func:`parse_edits`."""

    nodes: Nodes

    @property
    def changes(self) -> bool:
        """Whether it does."""
        return any(not isinstance(node, str) for node in self.nodes)

    def at(self, step: int, steps: int, steps_before: int = 0) -> str:
        """Gives the text of one step.

        Args:
            step: From 0.
            steps: Of this pass.
            steps_before: Of the pass before it, where this is the second.
        """
        return _text(self.nodes, step, steps, steps_before)


def parse_edits(text: str, parameter: str = "prompt") -> Edited:
    """Reads a prompt's edits, in time that grows with its length alone.

    Args:
        text: The prompt.
        parameter: The request's field, for errors.

    Raises:
        InvalidRequest: Square brackets are nested more than 32 deep.
    """
    if "[" not in text or not (":" in text or "|" in text):
        return Edited((text,))
    tokens = _TOKEN.findall(text)
    partners = _partners(tokens)
    frames = [_Frame()]
    for index, sign in enumerate(tokens):
        frame = frames[-1]
        if index not in partners:
            frame.take(sign, inside=len(frames) > 1)
        elif sign == "[":
            frames.append(_Frame())
            if len(frames) > DEEPEST:
                raise InvalidRequest(
                    parameter, f"{parameter} has more than {DEEPEST} '[' inside each other; take some away."
                )
        elif sign == "]":
            frames.pop()
            frames[-1].nodes.extend(frame.close())
        else:
            frame.depth += 1 if sign == "(" else -1
            frame.nodes.append(sign)
    return Edited(_joined(frames[0].nodes))


@dataclass(slots=True)
class _Frame:
    """A bracket while it is being read: what stands between its separators."""

    nodes: list[str | Edit | Alternation] = field(default_factory=list)
    marks: list[tuple[int, str]] = field(default_factory=list)
    depth: int = 0

    def take(self, sign: str, *, inside: bool) -> None:
        if inside and sign in (":", "|") and not self.depth:
            self.marks.append((len(self.nodes), sign))
        self.nodes.append(sign)

    def close(self) -> Sequence[str | Edit | Alternation]:
        turns = [place for place, mark in self.marks if mark == "|"]
        if turns:
            return [Alternation(tuple(self._between(turns)))]
        colons = [place for place, _ in self.marks]
        parts = self._between(colons)
        when = "".join(node for node in parts[-1] if isinstance(node, str)).strip()
        if 1 <= len(colons) <= 2 and len(parts[-1]) == 1 and _NUMBER.fullmatch(when):
            before = parts[0] if len(parts) == 3 else ()
            return [Edit(before, parts[-2], float(when), "." in when)]
        return ["[", *self.nodes, "]"]

    def _between(self, places: list[int]) -> list[Nodes]:
        starts, ends = [0, *(place + 1 for place in places)], [*places, len(self.nodes)]
        return [_joined(self.nodes[start:end]) for start, end in zip(starts, ends, strict=True)]


def _partners(tokens: Sequence[str]) -> set[int]:
    """The brackets that have a partner: those of round ones must not cross a square one's."""
    opened: list[int] = []
    squares = 0
    found: set[int] = set()
    for index, sign in enumerate(tokens):
        if sign in ("[", "("):
            opened.append(index)
            squares += sign == "["
        elif sign == ")" and opened and tokens[opened[-1]] == "(":
            found |= {opened.pop(), index}
        elif sign == "]" and squares:
            while tokens[opened[-1]] == "(":
                opened.pop()
            found |= {opened.pop(), index}
            squares -= 1
    return found


def _joined(nodes: Sequence[str | Edit | Alternation]) -> Nodes:
    """The same with neighbouring texts as one."""
    made: list[str | Edit | Alternation] = []
    texts: list[str] = []
    for node in nodes:
        if isinstance(node, str):
            texts.append(node)
            continue
        if texts:
            made.append("".join(texts))
            texts = []
        made.append(node)
    return (*made, "".join(texts)) if texts else tuple(made)


def _text(nodes: Nodes, step: int, steps: int, steps_before: int) -> str:
    texts = []
    for node in nodes:
        if isinstance(node, str):
            texts.append(node)
            continue
        if isinstance(node, Edit):
            chosen = node.before if step < node.last_step(steps, steps_before) else node.after
        else:
            chosen = node.options[step % len(node.options)]
        texts.append(_text(chosen, step, steps, steps_before))
    return "".join(texts)
