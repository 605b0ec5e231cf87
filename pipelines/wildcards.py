"""Prompts with chance in them: ``{a|b}`` and ``__name__``, drawn from the seed.

``{a|b}`` takes one, ``{3::a|b}`` with weights, ``{2$$a|b|c}`` two, ``{1-2$$ and $$a|b}`` one or two joined by " and ".
``__colour__`` takes a line of ``colour.txt``, ``__animals/*__`` of any file there. They may stand inside each other.
Braces without ``|`` or ``$$`` are text. The grammar is the dynamic-prompts extension's; the seed's draws are ours.
"""

from __future__ import annotations

import difflib
import itertools
import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from .errors import InvalidRequest
from .preset import PRESETS
from .request import LARGEST_PROMPT

DEEPEST: Final = 20
"""Choices inside choices, and files that name files: more is a circle."""

LARGEST_FILE: Final = 4 << 20
MOST_DRAWS: Final = 2000
OF_OURS: Final = PRESETS / "wildcards"

_TOKEN: Final = re.compile(r"\\.|[{}|]|__(?:[^\W_]|\*)[\w\-./* ]{0,98}?__|\$\$|[^\\{}|$_]+|[\\$_]", re.DOTALL)
_NAME: Final = re.compile(r"__(?:[^\W_]|\*)[\w\-./* ]{0,98}?__")
_COUNT: Final = re.compile(r"\s{0,9}(\d{1,3})(?:-(\d{1,3}))?\s{0,9}")
_WEIGHT: Final = re.compile(r"\s{0,9}(\d{1,9}(?:\.\d{0,9})?)::")

Pick = Callable[[Sequence[float]], int]
"""Chooses one of several by their weights."""


class Wildcards:
    """Lists that prompts draw from: text files, a value a line; ``#`` begins a comment line.

    Args:
        folders: Where they lie, at any depth; the first file of a name counts.
    """

    def __init__(self, folders: Sequence[Path] = (OF_OURS,)) -> None:
        self._folders = tuple(folders)

    def names(self) -> list[str]:
        """Lists what can stand between ``__``."""
        return sorted(self._files())

    def values(self, name: str, parameter: str = "prompt") -> list[str]:
        """Reads the values of a name; ``*`` stands for any letters.

        Raises:
            InvalidRequest: There is no such list, or it is empty; the sentence names the nearest.
        """
        files = self._files()
        wanted = name.strip().lower()
        found = [path for known, path in sorted(files.items()) if fnmatchcase(known.lower(), _only_stars(wanted))]
        values = [line for path in found for line in _lines(path)]
        if values:
            return values
        near = difflib.get_close_matches(wanted, files, n=1, cutoff=0.5)
        hint = f"did you mean __{near[0]}__?" if near else "add the file, or take the underscores away."
        missing = "is empty" if found else "is no wildcard that is here"
        raise InvalidRequest(parameter, f"{parameter} has __{name[:60]}__, which {missing}; {hint}")

    def _files(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for folder in self._folders:
            for path in sorted(folder.rglob("*.txt")):
                found.setdefault(path.relative_to(folder).with_suffix("").as_posix(), path)
        return found


def wildcards_beside(folders: Iterable[Path]) -> Wildcards:
    """The lists in folders ``wildcards`` among the models, then those that come with the program."""
    return Wildcards([*(folder / "wildcards" for folder in folders), OF_OURS])


def check_names(text: str, wildcards: Wildcards, parameter: str = "prompt") -> None:
    """Looks for every name that a prompt could draw from, whatever is drawn.

    Raises:
        InvalidRequest: One of them is missing.
    """
    for name in dict.fromkeys(_NAME.findall(text)):
        wildcards.values(name[2:-2], parameter)


def has_chance(text: str) -> bool:
    """Tells whether a prompt has wildcards or choices."""
    return _NAME.search(text) is not None or ("{" in text and ("|" in text or "$$" in text))


def draw(text: str, seed: int, wildcards: Wildcards, parameter: str = "prompt") -> str:
    """Gives the prompt of one picture.

    Args:
        text: With chance in it; without, it is given back as it is.
        seed: The picture's own: the same seed draws the same, whatever else is in its batch.
        wildcards: The lists.
        parameter: ``prompt`` or ``negative_prompt``: they draw independently.

    Raises:
        InvalidRequest: A wildcard is missing, choices go too deep, or the result is too long.
    """
    if not has_chance(text):
        return text
    chance = random.Random(f"{parameter}:{seed}")  # noqa: S311 - for pictures

    def pick(weights: Sequence[float]) -> int:
        mark = chance.random() * sum(weights)
        for index, weight in enumerate(weights):
            mark -= weight
            if mark < 0:
                return index
        return len(weights) - 1

    return _Drawing(wildcards, pick, parameter).draw(text)


def preview(
    prompt: str, seed: int, count: int = 1, wildcards: Wildcards | None = None, parameter: str = "prompt"
) -> list[str]:
    """Tells what will run: the prompts of ``count`` pictures from ``seed`` on.

    Raises:
        InvalidRequest: As :func:`draw`.
    """
    lists = Wildcards() if wildcards is None else wildcards
    return [draw(prompt, seed + index, lists, parameter) for index in range(count)]


def combinations(prompt: str, wildcards: Wildcards | None = None, most: int = 100) -> Iterator[str]:
    """Goes through every prompt that could be drawn, the last choice changing first.

    Args:
        prompt: With chance in it.
        wildcards: The lists; None = those that come with the program.
        most: Where to stop.

    Raises:
        InvalidRequest: As :func:`draw`.
    """
    lists, chosen = Wildcards() if wildcards is None else wildcards, list[int]()
    for _ in range(most):
        arity: list[int] = []

        def pick(weights: Sequence[float], arity: list[int] = arity) -> int:
            arity.append(len(weights))
            if len(arity) > len(chosen):
                chosen.append(0)
            return chosen[len(arity) - 1]

        yield _Drawing(lists, pick, "prompt").draw(prompt)
        while chosen and chosen[-1] + 1 >= arity[len(chosen) - 1]:
            chosen.pop()
        if not chosen:
            return
        chosen[-1] += 1


class _Drawing:
    """One walk through a prompt."""

    def __init__(self, wildcards: Wildcards, pick: Pick, parameter: str) -> None:
        self._wildcards, self._pick, self._parameter = wildcards, pick, parameter
        self._draws = self._length = 0

    def draw(self, text: str, depth: int = 0) -> str:
        if depth > DEEPEST:
            raise self._refused(f"choices more than {DEEPEST} deep, or wildcards that name each other")
        tokens = _TOKEN.findall(text)
        ends = _ends(tokens)
        drawn = "".join(self._walk(tokens, 0, len(tokens), ends, depth))
        if len(drawn) > LARGEST_PROMPT:
            raise self._refused(f"choices that make more than {LARGEST_PROMPT:,} characters")
        return drawn

    def _walk(self, tokens: list[str], start: int, end: int, ends: dict[int, int], depth: int) -> Iterator[str]:
        if depth > DEEPEST:
            raise self._refused(f"choices more than {DEEPEST} deep")
        place = start
        while place < end:
            sign = tokens[place]
            if sign == "{" and place in ends:
                yield from self._choose(tokens, place, ends, depth + 1)
                place = ends[place]
            elif len(sign) > 4 and sign.startswith("__") and sign.endswith("__"):
                values = self._wildcards.values(sign[2:-2], self._parameter)
                self._count()
                yield self.draw(values[self._pick([1.0] * len(values))], depth + 1)
            else:
                yield sign
            place += 1

    def _choose(self, tokens: list[str], opened: int, ends: dict[int, int], depth: int) -> Iterator[str]:
        closed = ends[opened]
        bars, dollars = _marks(tokens, opened, closed, ends)
        if not bars and not dollars:
            yield "{"
            yield from self._walk(tokens, opened + 1, closed, ends, depth)
            yield "}"
            return
        start, joiner, least, greatest = opened + 1, ", ", 1, 1
        count = _COUNT.fullmatch("".join(tokens[start : dollars[0]])) if dollars else None
        if count:
            least, greatest = int(count[1]), int(count[2] or count[1])
            if len(dollars) > 1:
                joiner = "".join(tokens[dollars[0] + 1 : dollars[1]])
            start = dollars[min(len(dollars), 2) - 1] + 1
        edges = [start - 1, *(bar for bar in bars if bar >= start), closed]
        options = [(one + 1, other) for one, other in itertools.pairwise(edges)]
        weights, firsts = zip(*(_weight(tokens, first, last) for first, last in options), strict=True)
        left = list(range(len(options)))
        wanted = least + self._pick([1.0] * (greatest - least + 1)) if greatest > least else least
        taken = []
        for _ in range(min(wanted, len(left))):
            self._count()
            index = left.pop(self._pick([weights[one] for one in left]))
            first, last = options[index]
            walked = "".join(self._walk(tokens, first, last, ends, depth))
            taken.append(walked[firsts[index] :])
        yield joiner.join(taken)

    def _count(self) -> None:
        self._draws += 1
        if self._draws > MOST_DRAWS:
            raise self._refused(f"more than {MOST_DRAWS:,} choices")

    def _refused(self, what: str) -> InvalidRequest:
        return InvalidRequest(self._parameter, f"{self._parameter} has {what}; take some away.")


def _ends(tokens: Sequence[str]) -> dict[int, int]:
    """Where each brace that has a partner is closed."""
    opened: list[int] = []
    found: dict[int, int] = {}
    for index, sign in enumerate(tokens):
        if sign == "{":
            opened.append(index)
        elif sign == "}" and opened:
            found[opened.pop()] = index
    return found


def _marks(tokens: Sequence[str], opened: int, closed: int, ends: dict[int, int]) -> tuple[list[int], list[int]]:
    """The bars and the double dollars that belong to one brace, and not to one inside it."""
    bars, dollars, place = [], [], opened + 1
    while place < closed:
        if tokens[place] == "|":
            bars.append(place)
        elif tokens[place] == "$$":
            dollars.append(place)
        place = ends.get(place, place) + 1
    return bars, dollars


def _weight(tokens: Sequence[str], first: int, last: int) -> tuple[float, int]:
    """An option's weight, and how many characters say so."""
    found = _WEIGHT.match(tokens[first]) if first < last else None
    return (max(float(found[1]), 1e-9), found.end()) if found else (1.0, 0)


def _lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > LARGEST_FILE:
            return []
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError:
        return []
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _only_stars(pattern: str) -> str:
    """The pattern with ``*`` as its only sign of meaning."""
    return pattern.replace("[", "[[]").replace("?", "[?]")
