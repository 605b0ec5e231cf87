"""What was found out about files by reading their headers, kept on disk: a restart need not read them again.

Two thousand LoRAs have two hundred megabytes of headers, which take half a minute to be understood.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Final

from .kinds import Kind
from .preset import PRESETS

FORMAT: Final = 1
"""Goes up when other things are found out than before, or the same ones otherwise."""

MOST_KEPT: Final = 100_000
"""Files; the latest looked at are kept."""

SAVED_AFTER: Final = 500
"""New files after which it is saved while a folder is still being looked through."""

State = tuple[int, ...]
"""Size and time of change of a file, and the times of change of the notes beside it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of a file.

    Attributes:
        kind: What it is.
        size_bytes: Of the file.
        triggers: Words that call on a LoRA.
    """

    kind: Kind
    size_bytes: int
    triggers: tuple[str, ...] = ()


class Findings:
    """Remembers findings by path and state; safe to use from many threads. Files that are damaged are not remembered.

    Args:
        rules: What the findings follow from: with another file they are forgotten.
    """

    def __init__(self, rules: Path = PRESETS / "kinds.json") -> None:
        self._rules = f"{FORMAT}-{hashlib.sha256(rules.read_bytes()).hexdigest()[:16]}"
        self._lock = threading.Lock()
        self._known: dict[str, tuple[State, Finding]] = {}
        self._kept: Path | None = None
        self._new = 0

    def keep_in(self, file: Path) -> None:
        """Takes over what a file remembers, and has everything remembered there from now on."""
        kept = _load(file, self._rules)
        with self._lock:
            self._kept = file
            self._known = kept | self._known
            self._new = len(self._known) - len(kept)
        self.save()

    def of(self, path: Path, state: State) -> Finding | None:
        """What is known of a file in this state; None = nothing."""
        with self._lock:
            seen, finding = self._known.get(str(path), ((), None))
            return finding if seen == state else None

    def add(self, path: Path, state: State, finding: Finding) -> None:
        """Remembers what was found out; it is on the disk after :meth:`save`, or some hundred more."""
        with self._lock:
            self._known.pop(str(path), None)  # so that it is the latest
            self._known[str(path)] = state, finding
            self._new += 1
            many = self._new >= SAVED_AFTER
        if many:
            self.save()

    def save(self) -> None:
        """Writes what is new; best effort: what cannot be kept is found out again."""
        with self._lock:
            if self._kept is None or not self._new:
                return
            latest = list(self._known.items())[-MOST_KEPT:]
            files = {path: [*state, *_row(finding)] for path, (state, finding) in latest}
            part = self._kept.with_name(f".{self._kept.name}.{os.getpid()}.part")
            with suppress(OSError):
                part.write_text(json.dumps({"rules": self._rules, "files": files}), encoding="utf-8")
                part.replace(self._kept)
            self._new = 0


def _row(finding: Finding) -> list[Any]:
    return [*astuple(finding.kind), finding.size_bytes, list(finding.triggers)]


def _load(file: Path, rules: str) -> dict[str, tuple[State, Finding]]:
    """What a file remembers; nothing where it cannot be read, or follows from other rules."""
    try:
        read = json.loads(file.read_text(encoding="utf-8"))
        if read["rules"] != rules:
            return {}
        return {str(path): _finding(row) for path, row in read["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _finding(row: list[Any]) -> tuple[State, Finding]:
    *state, what, called, goes_to, family, variant, problem, size, words = row
    texts = (what, called, goes_to, variant, problem, *words)
    if not all(type(text) is str for text in texts) or not all(type(number) is int for number in (*state, size)):
        raise ValueError(f"{row} is no finding")
    if family is not None and type(family) is not str:
        raise ValueError(f"{family} is no family")
    kind = Kind(what, called, goes_to, family, variant, problem)
    return tuple(state), Finding(kind, size, tuple(words))
