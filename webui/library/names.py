"""File names out of a pattern with A1111's placeholders, which every system takes and none leaves the folder.

``[seed] [steps] [cfg] [width] [height] [styles] [sampler] [scheduler] [model_name] [model_hash] [date]
[datetime<%H%M%S>] [prompt] [prompt_words] [prompt_hash] [batch_number] [generation_number] [clip_skip] [denoising]
[image_hash]`` as in A1111's ``modules/images.py`` (read there, written anew), and ``/`` begins a folder. Placeholders
without a value leave nothing behind, nor the dash before it.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from pipelines.errors import InvalidRequest

if TYPE_CHECKING:
    from .recipe import Recipe

USUAL_PATTERN: Final = "[date]/[datetime<%H%M%S>]-[seed]-[prompt_words]"

LONGEST_PATTERN: Final = 400
LONGEST_NAME: Final = 100
"""Bytes of a file's or folder's name; with :data:`MOST_FOLDERS` whole paths stay below Windows' 260 characters."""

LONGEST_WORDS: Final = 48
"""Bytes of the prompt in a name."""

MOST_FOLDERS: Final = 2

_PLACEHOLDER: Final = re.compile(r"\[([a-z_]+)(?:<([^<>\[\]]{0,40})>)?\]")
_UNSAFE: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]+')
_RESERVED: Final = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]) *(?:\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices, whatever they end in."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What placeholders are filled with.

    Attributes:
        recipe: The picture's.
        created: In local time.
        pixels: Digest of the pixels in hexadecimal.
        count: How many pictures the request makes.
    """

    recipe: Recipe
    created: datetime
    pixels: str = ""
    count: int = 1


def name_for(pattern: str, facts: Facts, copy: int = 1) -> PurePosixPath:
    """The path of a picture below the library's folder, without an ending.

    Args:
        pattern: See this module.
        facts: What is filled in.
        copy: From 2 on it is added to the name, for pictures that would have the same.
    """
    *folders, name = [_clean(_filled(part, facts)) for part in re.split(r"[/\\]", pattern)] or [""]
    ending = f"-{copy}" if copy > 1 else ""
    kept = [folder for folder in folders if folder][:MOST_FOLDERS]
    name = _cut(name or str(facts.recipe.seed), LONGEST_NAME - len(ending)) + ending
    return PurePosixPath(*kept, name)


def check_pattern(pattern: str) -> None:
    """Refuses a pattern with placeholders that nobody knows.

    Raises:
        InvalidRequest: It is too long, or has one.
    """
    if not 1 <= len(pattern) <= LONGEST_PATTERN:
        raise InvalidRequest("pattern", f"pattern has no or too many characters; give 1 to {LONGEST_PATTERN}.")
    if pattern.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", pattern):
        raise InvalidRequest("pattern", f"pattern is {pattern!r}, which leads out of the folder; leave / and .. out.")
    for name, _ in _PLACEHOLDER.findall(pattern):
        if name not in _VALUES and name not in ("date", "datetime"):
            known = ", ".join(f"[{each}]" for each in ("date", "datetime", *_VALUES))
            raise InvalidRequest("pattern", f"pattern has [{name[:40]}], which stands for nothing; there are {known}.")


def first_words(prompt: str) -> str:
    """The first words of a prompt in letters and digits of any script, joined by ``-``; may be empty."""
    words = ""
    for word in re.findall(r"[^\W_]+", unicodedata.normalize("NFC", prompt[:400]).lower()):
        longer = f"{words}-{word}" if words else word
        if len(longer.encode()) > LONGEST_WORDS:
            return words or _cut(longer, LONGEST_WORDS)  # scripts without spaces
        words = longer
    return words


def _filled(part: str, facts: Facts) -> str:
    """One folder or name with its values; a dash, space or underscore before an empty value goes with it."""
    found, last = "", 0
    for match in _PLACEHOLDER.finditer(part):
        value = _value(match[1], match[2], facts)
        between = part[last : match.start()]
        found += (between if value else between.rstrip("-_ ")) + value
        last = match.end()
    return found + part[last:]


def _value(name: str, argument: str | None, facts: Facts) -> str:
    if name in ("date", "datetime"):
        text = "%Y-%m-%d" if name == "date" else argument or "%Y%m%d%H%M%S"
        try:
            return facts.created.strftime(text)
        except (ValueError, UnicodeError):  # a code that this system does not know
            return ""
    value = _VALUES.get(name)
    return value(facts) if value else f"[{name}]"


def _request(field: str) -> Callable[[Facts], str]:
    def value(facts: Facts) -> str:
        found = facts.recipe.request.get(field)
        return "" if found is None else str(found).removesuffix(".0")

    return value


def _prompt(facts: Facts) -> str:
    return str(facts.recipe.request.get("prompt", ""))


def _number(facts: Facts) -> str:
    return str(facts.recipe.index + 1) if facts.count > 1 else ""


def _sampler(facts: Facts, part: int) -> str:
    from .infotext import sampler_and_schedule

    return sampler_and_schedule(str(facts.recipe.request.get("scheduler", "")))[part]


_VALUES: Final[dict[str, Callable[[Facts], str]]] = {
    "seed": lambda facts: str(facts.recipe.seed),
    "steps": _request("num_inference_steps"),
    "cfg": _request("guidance_scale"),
    "width": lambda facts: str(facts.recipe.width),
    "height": lambda facts: str(facts.recipe.height),
    "styles": lambda facts: facts.recipe.style or "",
    "sampler": lambda facts: _sampler(facts, 0),
    "scheduler": lambda facts: _sampler(facts, 1),
    "model_name": lambda facts: facts.recipe.model.name if facts.recipe.model else "",
    "model_hash": lambda facts: (facts.recipe.model.hash or "")[:10] if facts.recipe.model else "",
    "prompt": lambda facts: _cut(" ".join(_prompt(facts)[:400].split()), LONGEST_WORDS),
    "prompt_words": lambda facts: first_words(_prompt(facts)),
    "prompt_hash": lambda facts: hashlib.sha256(_prompt(facts).encode()).hexdigest()[:8],
    "batch_number": _number,
    "generation_number": _number,
    "clip_skip": _request("clip_skip"),
    "denoising": _request("strength"),
    "image_hash": lambda facts: facts.pixels[:10],
}


def _clean(text: str) -> str:
    """A name without what some system refuses, hides, shows backwards, or reads as a way out of the folder."""
    plain = unicodedata.normalize("NFC", _UNSAFE.sub("-", text))
    plain = " ".join(plain.split())  # other kinds of spaces, too
    plain = "".join(letter for letter in plain if unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
    plain = _cut(plain.strip(" .-"), LONGEST_NAME)
    return f"_{plain}" if _RESERVED.fullmatch(plain) else plain


def _cut(text: str, most: int) -> str:
    """The beginning of a text in at most so many bytes, never with half a letter or a dot at its end."""
    return text.encode("utf-8", "ignore")[:most].decode(errors="ignore").rstrip(" .-") if text else ""


def placeholders() -> Iterator[str]:
    """Every placeholder by name, for a page that lists them."""
    yield from ("date", "datetime", *_VALUES)
