"""How far a download is: the bytes that arrive are counted, and it ends where it is not wanted any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .errors import Cancelled

Progress = Callable[[float, str], None]
"""Told how much is done, 0 to 1, and of what."""


class Meter:
    """Counts the bytes that arrive, and ends the download when asked to.

    Args:
        repo: What is fetched.
        total: Bytes that are missing.
        progress: Told how much of them has arrived.
        stopped: Asked at each piece; True = give up.
    """

    def __init__(self, repo: str, total: int, progress: Progress | None, stopped: Callable[[], bool] | None) -> None:
        self._repo, self._total, self._progress, self._stopped = repo, max(total, 1), progress, stopped
        self._arrived = 0.0

    def add(self, count: float) -> None:
        """Counts some bytes.

        Raises:
            Cancelled: They are not wanted any more.
        """
        if self._stopped is not None and self._stopped():
            raise Cancelled(f"The download of {self._repo} was stopped; it goes on from here the next time.")
        self._arrived += count
        if self._progress is not None:
            self._progress(min(self._arrived / self._total, 1.0), f"Downloading {self._repo}")

    def bar(self) -> type[Any]:
        """What huggingface_hub takes for its progress bar."""
        from tqdm.auto import tqdm

        meter = self

        class Bar(tqdm):  # type: ignore[type-arg,misc,unused-ignore]
            def __init__(self, *arguments: Any, **named: Any) -> None:
                self.counts = str(named.get("desc", "")).startswith("Reconstructing")
                super().__init__(*arguments, **{**named, "disable": True})

            def update(self, n: float | None = 1) -> bool | None:
                meter.add(float(n or 0) if self.counts else 0.0)
                return None

        return Bar
