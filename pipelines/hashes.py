"""Which weights a model is made of, told by their SHA-256: two models of one name are not taken for the same."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

ENDINGS: Final = (".safetensors", ".bin", ".ckpt", ".pt", ".gguf")
SHORT: Final = 10
"""Digits that A1111 and others show of a hash."""

_BLOCK: Final = 1 << 20
_MOST_KEPT: Final = 4000


class WeightsHashes:
    """SHA-256 of models' weights, computed once for each state of their files; safe to use from many threads.

    For a model in one file it is that file's SHA-256, whose first ten digits are A1111's ``Model hash``. For a folder
    in diffusers' layout, which A1111 has no hash for, it is the SHA-256 of the list of its weight files with theirs.

    Args:
        kept: JSON file that remembers them by path, size and time of change; None = only while the program runs.
    """

    def __init__(self, kept: Path | None = None) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._reading: dict[str, threading.Lock] = {}
        self._wanted: list[Path] = []
        self._thread: threading.Thread | None = None
        self._known = self._load()

    def of(self, place: Path) -> str | None:
        """The hash of a model's file or folder in 64 hexadecimal digits; None where there are no weights to read."""
        return self._whole(place, read=True)

    def known(self, place: Path) -> str | None:
        """The hash where it is remembered, without reading any weights; None where it is not."""
        return self._whole(place, read=False)

    @property
    def count(self) -> int:
        """How many files' hashes are remembered; another number means that more is known than before."""
        return len(self._known)

    def later(self, place: Path) -> None:
        """Has the hash computed behind everybody's back, so that it is known when it is asked for."""
        with self._lock:
            if place in self._wanted:
                return
            self._wanted.append(place)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="hashes", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._wanted:
                    self._thread = None
                    return
                place = self._wanted[0]
            self.of(place)
            with self._lock:
                self._wanted.remove(place)

    def _whole(self, place: Path, *, read: bool) -> str | None:
        digests: list[tuple[str, str]] = []
        try:
            for name, path in _weight_files(place):
                digest = self._file(path, read=read)
                if digest is None:
                    return None
                digests.append((name, digest))
        except OSError:
            return None
        if len(digests) < 2:
            return digests[0][1] if digests else None
        whole = "".join(f"{digest}  {name}\n" for name, digest in digests)
        return hashlib.sha256(whole.encode()).hexdigest()

    def _file(self, path: Path, *, read: bool) -> str | None:
        state = path.stat()
        key = f"{path}|{state.st_size}|{state.st_mtime_ns}"
        with self._lock:
            if key in self._known or not read:
                return self._known.get(key)
            turn = self._reading.setdefault(key, threading.Lock())
        with turn:  # whoever comes second waits for the first, and nobody waits for another file
            with self._lock:
                if key in self._known:
                    return self._known[key]
            digest = _sha256(path)
            with self._lock:
                self._known[key] = digest
                self._reading.pop(key, None)
                self._save()
        return digest

    def _load(self) -> dict[str, str]:
        with suppress(OSError, ValueError, RecursionError):
            read: Any = json.loads(self._kept.read_text(encoding="utf-8")) if self._kept else {}
            if isinstance(read, dict):
                return {str(key): str(value) for key, value in read.items() if len(str(value)) == 64}
        return {}

    def _save(self) -> None:
        """Best effort: what cannot be remembered is computed again."""
        if self._kept is None:
            return
        latest = dict(list(self._known.items())[-_MOST_KEPT:])
        part = self._kept.with_name(f".{self._kept.name}.{os.getpid()}.part")
        with suppress(OSError):
            part.write_text(json.dumps(latest, indent=0), encoding="utf-8")
            part.replace(self._kept)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _weight_files(place: Path) -> list[tuple[str, Path]]:
    """A model's weight files by their names below its folder, in a fixed order."""
    if place.is_file():
        return [(place.name, place)]
    found = [path for path in place.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file()]
    return sorted((path.relative_to(place).as_posix(), path) for path in found)
