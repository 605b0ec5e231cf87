"""Temporary files that together stay below a size: what was not used for longest goes first.

Gradio keeps every upload and every file it gives out until a day has passed; on a busy studio that fills the disk.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

LARGEST: Final = 4 << 30
"""Bytes of all temporary files together; some hundred uploads of the greatest size."""

FRESH_SECONDS: Final = 600.0
"""A file used so recently stays whatever it costs: somebody may be uploading it, or be about to paint on it."""

PAUSE_SECONDS: Final = 30.0
"""Looking through the folder again sooner would cost more than it could free."""


class _Kept(NamedTuple):
    used: float
    size: int
    path: Path


class TemporaryFiles:
    """A folder whose files are removed, the longest unused first, once they are too much; safe to use from threads.

    Args:
        folder: Where temporary files go; nothing else may be in it.
        largest: Bytes of all files together that are kept.
        fresh: Seconds for which a file that was used stays in any case.
        pause: Seconds for which :meth:`tidy_soon` does not look again.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        folder: Path,
        largest: int = LARGEST,
        *,
        fresh: float = FRESH_SECONDS,
        pause: float = PAUSE_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder, self._largest, self._fresh, self._pause, self._clock = folder, largest, fresh, pause, clock
        self._lock = threading.Lock()
        self._looked = float("-inf")

    def tidy_soon(self) -> int:
        """Does :meth:`tidy`, unless that was done a moment ago or is being done; for after each upload."""
        if not self._lock.acquire(blocking=False):
            return 0
        try:
            if self._clock() - self._looked < self._pause:
                return 0
            return self._tidy()
        finally:
            self._lock.release()

    def tidy(self) -> int:
        """Removes files until the others are few enough, and gives the number of bytes that became free."""
        with self._lock:
            return self._tidy()

    def _tidy(self) -> int:
        self._looked = self._clock()
        files = sorted(self._files())
        left = sum(file.size for file in files)
        freed = 0
        for file in files:
            if left - freed <= self._largest or self._clock() - file.used < self._fresh:
                break
            with suppress(OSError):
                file.path.unlink()
                freed += file.size
                self._remove_empty(file.path.parent)
        return freed

    def _files(self) -> list[_Kept]:
        found = []
        for place, _, names in os.walk(self._folder):
            for name in names:
                path = Path(place, name)
                with suppress(OSError):
                    told = path.lstat()
                    if stat.S_ISREG(told.st_mode):
                        found.append(_Kept(max(told.st_atime, told.st_mtime), told.st_size, path))
        return found

    def _remove_empty(self, folder: Path) -> None:
        """Gradio makes a folder for each file, named by what is in it."""
        while folder != self._folder and self._folder in folder.parents:
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent
