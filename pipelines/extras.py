"""Which LoRAs, embeddings and VAE files there are, and what their own metadata says about using them."""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from .errors import ModelError
from .folder_models import read_json

MOST_TRIGGERS: Final = 8
LONGEST_TRIGGER: Final = 80
"""Characters; a trigger is a word or a phrase, and metadata can hold anything."""

LARGEST_TAGS: Final = 1 << 20
"""Characters of a tag list that are read."""


@dataclass(frozen=True, slots=True)
class ExtraFile:
    """A file that changes a model: a LoRA, a textual inversion or a VAE.

    Attributes:
        id: What a request names it by: its path below its folder, without the ending.
        name: The file's name without the ending.
        path: The file.
        family: The id of the family it fits; None = its header does not tell.
        size_bytes: Of the file.
        triggers: Words that call on what it was trained on, the most frequent first.
        hash: Ten hexadecimal digits, the first of the file's SHA-256, where that is already known.
        problem: A sentence why it cannot be used; empty = it can.
    """

    id: str
    name: str
    path: Path = field(repr=False)
    family: str | None = None
    size_bytes: int = 0
    triggers: tuple[str, ...] = ()
    hash: str | None = None
    problem: str = ""


def triggers(path: Path, metadata: Mapping[str, str]) -> tuple[str, ...]:
    """The words to call on a LoRA with: from the note beside it, its metadata, or the tags it was trained with.

    At most eight of at most 80 characters, without control characters; nothing else of the metadata is taken over.

    Args:
        path: The file; A1111 keeps its ``activation text`` in a ``.json`` of the same name.
        metadata: The header's.
    """
    noted = read_json(path.with_suffix(".json")).get("activation text")
    said = noted if isinstance(noted, str) and noted.strip() else metadata.get("modelspec.trigger_phrase", "")
    words = said[: LARGEST_TAGS // 100].split(",") if said.strip() else _tags(metadata.get("ss_tag_frequency", ""))
    clean = (" ".join("".join(c if c.isprintable() else " " for c in word).split()) for word in words)
    return tuple(dict.fromkeys(word[:LONGEST_TRIGGER] for word in clean if word))[:MOST_TRIGGERS]


def find_extra(
    files: Sequence[ExtraFile],
    name: str,
    what: str,
    always: str = "",
    *,
    refused: Mapping[str, str] = MappingProxyType({}),
) -> ExtraFile:
    """Gives the one that a name means: by id, by the file's name with or without ending, or in other case.

    Args:
        files: Those there are.
        name: The name.
        what: What they are, for the sentence: ``LoRA``.
        always: One that needs no file, if any.
        refused: Why files that lie there cannot be used, by their names in lower case without ending.

    Raises:
        ModelError: None or several are meant, or the one cannot be used; the sentence names the nearest.
    """
    plain = name.removesuffix(".safetensors")
    for candidates in (
        [file for file in files if file.id == plain],
        [file for file in files if file.name == plain],
        [file for file in files if plain.lower() in (file.id.lower(), file.name.lower())],
    ):
        if len(candidates) == 1:
            if candidates[0].problem:
                raise ModelError(candidates[0].problem)
            return candidates[0]
        if candidates:
            several = " and ".join(repr(file.id) for file in candidates[:3])
            raise ModelError(f"{what} {name[:80]!r} is the name of several files; say {several}.")
    if plain.lower() in refused:
        raise ModelError(refused[plain.lower()])
    there = [*(file.id for file in files), *([always] if always else [])]
    near = difflib.get_close_matches(plain[:200], there, n=1, cutoff=0.0)
    way_out = f"use {near[0]!r}, or add" if near else "there is none yet; add"
    raise ModelError(f"{what} {name[:80]!r} is not installed; {way_out} its file to a folder of --models-dir.")


def _tags(text: str) -> list[str]:
    """The most frequent tags over all of a LoRA's data sets, as Kohya's trainer writes them."""
    counts: Counter[str] = Counter()
    if len(text) <= LARGEST_TAGS:
        try:
            for tag, count in _counted(json.loads(text or "{}")):
                counts[tag] += count
        except (ValueError, RecursionError):
            return []
    return [tag for tag, _ in counts.most_common(MOST_TRIGGERS)]


def _counted(sets: Any) -> Iterator[tuple[str, int]]:
    for tags in sets.values() if isinstance(sets, dict) else ():
        for tag, count in tags.items() if isinstance(tags, dict) else ():
            if type(count) is int and count > 0:
                yield str(tag), count
