"""What passes between a generation and whoever started it: wishes in, and how the loading of its model goes out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .events import ModelLoading


class Control:
    """Wishes about one generation, heeded before its next step; safe to use from any thread, never waits.

    Made by whoever starts the generation and handed to ``generate``; wishes uttered before it starts count too.

    Args:
        loading: Told how the loading of its model goes, where it must be loaded; called from another thread.
    """

    def __init__(self, loading: Callable[[ModelLoading], None] | None = None) -> None:
        self._loading = loading
        self._lock = threading.Lock()
        self._skipped: frozenset[int] = frozenset()
        self._paused = False
        self._heed: Callable[[], None] | None = None

    @property
    def skipped(self) -> frozenset[int]:
        """Indices of the pictures to leave out."""
        return self._skipped

    @property
    def paused(self) -> bool:
        """Whether the pictures should stand still."""
        return self._paused

    def skip(self, index: int) -> None:
        """Leaves picture ``index`` of the request out and goes on with the others."""
        with self._lock:
            self._skipped |= {index}
        self._tell()

    def pause(self) -> None:
        """Lets every picture stand still after the step it is in."""
        self._paused = True
        self._tell()

    def resume(self) -> None:
        """Lets the pictures go on from where they stand."""
        self._paused = False
        self._tell()

    def follow(self, heed: Callable[[], None]) -> None:
        """Calls ``heed`` now and after each wish; the generation's side of it."""
        self._heed = heed
        heed()

    def tell_loading(self, event: ModelLoading) -> None:
        """Says how the loading goes; the generation's side of it."""
        if self._loading is not None:
            self._loading(event)

    def _tell(self) -> None:
        heed = self._heed
        if heed is not None:
            heed()
