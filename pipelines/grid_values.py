"""The values of a grid's axis as people write them, in A1111's syntax: lists, ranges, and quoted texts."""

from __future__ import annotations

import csv
import re
from itertools import permutations
from math import factorial
from typing import Final

MOST_VALUES: Final = 100
"""Of one axis; a range that comes to more is a slip of the pen."""

LONGEST: Final = 20_000
"""Characters of one axis."""

_NUMBER: Final = r"[+-]?(?:\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})"
_RANGE: Final = re.compile(
    rf"({_NUMBER})\s{{0,9}}-\s{{0,9}}({_NUMBER})"
    rf"(?:\s{{0,9}}\(\s{{0,9}}({_NUMBER})\s{{0,9}}\)|\s{{0,9}}\[\s{{0,9}}(\d{{1,6}})\s{{0,9}}\])?"
)
_ONE: Final = re.compile(_NUMBER)


def read_numbers(text: str, *, whole: bool) -> list[int | float]:
    """Reads numbers and ranges, separated by commas.

    ``1-5`` counts from 1 to 5; ``1-10 (+2)`` goes in steps of two, ``10-1 (-3)`` down; ``0-1 [5]`` gives five, evenly
    spread, both ends among them (A1111's syntax).

    Args:
        text: What was written.
        whole: Whether only whole numbers are of use; evenly spread ones are then rounded down.

    Raises:
        ValueError: A part is no number, or a range never comes to its end; one sentence names it.
    """
    found: list[int | float] = []
    for part in read_texts(text):
        found += _range(part, whole=whole) if _RANGE.fullmatch(part) else [_number(part, whole=whole)]
        check_count(len(found))
    return found


def read_texts(text: str) -> list[str]:
    """Reads texts separated by commas; one with a comma in it stands in double quotation marks, as in CSV.

    Raises:
        ValueError: There is none, or too many.
    """
    if len(text) > LONGEST:
        raise ValueError(f"has {len(text)} characters; give at most {LONGEST}.")
    rows = csv.reader([" ".join(text.split("\n"))], skipinitialspace=True)
    parts = [part.strip() for row in rows for part in row]
    found = [part for part in parts if part]
    if not found:
        raise ValueError("has no values; give some, separated by commas.")
    check_count(len(found))
    return found


def read_replacements(text: str) -> list[str]:
    """Reads what is searched for and then what replaces it; spaces at the ends of a quoted text are its own.

    Raises:
        ValueError: There are fewer than two.
    """
    if len(text) > LONGEST:
        raise ValueError(f"has {len(text)} characters; give at most {LONGEST}.")
    rows = list(csv.reader([" ".join(text.split("\n"))], skipinitialspace=True))
    found = rows[0] if rows else []
    quoted = '"' in text
    found = found if quoted else [part.strip() for part in found]
    if len(found) < 2 or not found[0]:
        raise ValueError("needs the words to look for, and then at least one replacement, separated by commas.")
    check_count(len(found))
    return found


def read_orders(text: str) -> list[tuple[str, ...]]:
    """Reads words and gives every order of them.

    Raises:
        ValueError: There are fewer than two, or more orders than an axis holds.
    """
    words = read_texts(text)
    if len(words) < 2:
        raise ValueError("needs at least two words to put into every order.")
    if len(words) > 12:
        raise ValueError(f"has {len(words)} words; give at most 4.")
    check_count(factorial(len(words)))
    return list(permutations(words))


def check_count(count: int) -> None:
    """Refuses more values than an axis holds.

    Raises:
        ValueError: There are more.
    """
    if count > MOST_VALUES:
        raise ValueError(f"comes to {count} values; an axis holds {MOST_VALUES}.")


def plain(number: int | float) -> str:  # noqa: PYI041 - mypy tells them apart
    """A number as a person writes it."""
    return f"{number:g}" if isinstance(number, float) else str(number)


def _number(part: str, *, whole: bool) -> int | float:
    if not _ONE.fullmatch(part) or (whole and not float(part).is_integer()):
        raise ValueError(f"has {part[:40]!r}, which is no {'whole ' if whole else ''}number; give one.")
    return int(float(part)) if whole else float(part)


def _range(part: str, *, whole: bool) -> list[int | float]:
    match = _RANGE.fullmatch(part)
    assert match is not None
    first, last = _number(match[1], whole=whole), _number(match[2], whole=whole)
    if match[4] is not None:
        count = int(match[4])
        check_count(count)
        if not count:
            raise ValueError(f"has the range {part!r}, which asks for no values; write how many in the brackets.")
        spread = [first + (last - first) * index / max(count - 1, 1) for index in range(count)]
        return [int(value) if whole else round(value, 9) for value in spread]
    step = _number(match[3], whole=whole) if match[3] is not None else 1
    if step == 0 or (last - first) / step < 0:
        raise ValueError(f"has the range {part!r}, which never comes to its end; turn the step's sign round.")
    count = int((last - first) / step + 1e-9) + 1
    check_count(count)
    return [first + step * index if whole else round(first + step * index, 9) for index in range(count)]
