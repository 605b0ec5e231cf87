"""What an owner looks for, as SQL over the index; any words at all are safe to look for."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

LONGEST_WORDS: Final = 200
"""Characters of a search that count."""

MOST_WORDS: Final = 12

EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)

_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Thai, Lao, Burmese, Khmer, Chinese, Japanese, Korean: words there need no space between, so parts of them count."""


_SEED: Final = re.compile(r"\bseed[\s:]+(?=\d)", re.IGNORECASE)
"""A seed as tiles show it: the number alone is looked for."""

SEED_BEGUN: Final = 3
"""Digits with which hardly a seed begins by chance."""

_BEGUN: Final = " \t\r\n-\"'"
"""What may be typed before the first word is."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which of an owner's pictures are wanted; everything that is given has to hold.

    Attributes:
        words: Each begins a word of the prompt, in upper or lower case, with or without accents; one after a minus
            sign begins none of them; a number may be the seed instead.
        model: A model's id.
        style: A style's id; empty = pictures without one.
        starred: Only pictures with a star.
        since: Made at this moment or later; with a time zone.
        until: Made before this moment; with a time zone.
    """

    words: str = ""
    model: str | None = None
    style: str | None = None
    starred: bool = False
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """A question to the index: what follows ``FROM``, what orders the finds, and the values for its question marks."""

    tables: str
    order: str
    conditions: tuple[str, ...]
    values: tuple[object, ...]


def query_for(owner: str, filters: Filters) -> Query:
    """Turns filters into SQL; the owner is part of the full-text question, so that others' pictures are never met."""
    wanted = _wanted(filters.words)
    conditions = ["pictures.owner = ?", "pictures.trashed = 0"]
    values: list[object] = [owner]
    tables, order = "pictures", "pictures.number"
    if wanted.match or wanted.without:
        order = "words.rowid"
        tables = "words CROSS JOIN pictures ON pictures.number = words.rowid"  # cross: words first, always
        conditions.insert(0, "words MATCH ?")
        asked = " AND ".join([f'owner : "{owner}"', *wanted.match])
        values.insert(0, " NOT ".join([f"({asked})", *wanted.without]))
    conditions += ["pictures.prompt LIKE ?"] * len(wanted.inside)  # letters and emoji only: nothing to escape
    conditions += ["pictures.prompt NOT LIKE ?"] * len(wanted.not_inside)
    values += [f"%{part}%" for part in (*wanted.inside, *wanted.not_inside)]
    if not wanted.anything and filters.words.strip(_BEGUN):
        conditions.append("0")  # signs alone, which no prompt is looked through for
    for name, value in (("model", filters.model), ("style", filters.style)):
        if value is not None:
            conditions.append(f"pictures.{name} = ?")
            values.append(value)
    if filters.starred:
        if tables == "pictures":
            tables = "pictures INDEXED BY by_star"  # by itself SQLite looks through every picture in its order
        conditions.append("pictures.starred = 1")
    for sign, moment in ((">=", filters.since), ("<", filters.until)):
        if moment is not None:
            conditions.append(f"{order} {sign} ?")
            values.append(microseconds(moment))
    return Query(tables, order, tuple(conditions), tuple(values))


def microseconds(moment: datetime) -> int:
    """Since 1970, UTC, as the index counts."""
    return (moment - EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What some words ask for: FTS5 questions, parts to find anywhere, and whether it can be found at all."""

    match: tuple[str, ...]
    without: tuple[str, ...]
    inside: tuple[str, ...]
    not_inside: tuple[str, ...]

    @property
    def anything(self) -> bool:
        return bool(self.match or self.without or self.inside or self.not_inside)


def _wanted(text: str) -> _Wanted:
    """Each word with its last letters left open; one after a minus sign is not wanted; a number may be the seed."""
    plain = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFC", text[:LONGEST_WORDS]))
    match: list[str] = []
    without: list[str] = []
    inside: list[str] = []
    not_inside: list[str] = []
    for part in _SEED.sub("", plain).split()[:MOST_WORDS]:
        unwanted = part.startswith("-")
        for word in re.findall(r"[^\W_]+", part)[:MOST_WORDS]:
            if _UNSPACED.search(word):
                (not_inside if unwanted else inside).append(word)
            else:  # letters and digits only, so nothing in it can be taken for FTS5's own words
                seed = f' OR seed : "{word}"{"*" * (len(word) > SEED_BEGUN)}' if word.isdecimal() else ""
                (without if unwanted else match).append(f'(prompt : "{word}"*{seed})')
        symbols = [sign for sign in part if unicodedata.category(sign) == "So"]  # emoji: each may stand anywhere
        (not_inside if unwanted else inside).extend(symbols)
    return _Wanted(tuple(match), tuple(without), tuple(inside), tuple(not_inside))
