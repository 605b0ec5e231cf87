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
_BLOCK: Final = 1 << 20
_MOST_KEPT: Final = 1000


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
        self._known = self._load()

    def of(self, place: Path) -> str | None:
        """The hash of a model's file or folder in 64 hexadecimal digits; None where there are no weights to read."""
        with self._lock:
            try:
                files = _weight_files(place)
                digests = [(name, self._file(path)) for name, path in files]
            except OSError:
                return None
        if len(digests) < 2:
            return digests[0][1] if digests else None
        whole = "".join(f"{digest}  {name}\n" for name, digest in digests)
        return hashlib.sha256(whole.encode()).hexdigest()

    def _file(self, path: Path) -> str:
        state = path.stat()
        key = f"{path}|{state.st_size}|{state.st_mtime_ns}"
        if key not in self._known:
            digest = hashlib.sha256()
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
            self._known[key] = digest.hexdigest()
            self._save()
        return self._known[key]

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


def _weight_files(place: Path) -> list[tuple[str, Path]]:
    """A model's weight files by their names below its folder, in a fixed order."""
    if place.is_file():
        return [(place.name, place)]
    found = [path for path in place.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file()]
    return sorted((path.relative_to(place).as_posix(), path) for path in found)
