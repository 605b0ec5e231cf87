"""Something whose facts are written down in order, and that threads and coroutines can watch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime, timezone
from typing import Generic, TypeVar

from .changes import Changes
from .job_events import JobEvent, LogEntry

View = TypeVar("View")


class Watched(ABC, Generic[View]):
    """Keeps the log and wakes those who wait; what there is to see comes from :meth:`view`."""

    def __init__(self) -> None:
        self._changes = Changes()
        self._log: list[LogEntry] = []

    @abstractmethod
    def view(self) -> View:
        """What it is like now."""

    def wait_for_change(self, version: int, timeout: float | None = None) -> View:
        """Holds the calling thread until it has changed since ``version``; returns the newest view.

        Args:
            version: The ``version`` of the view at hand.
            timeout: Seconds; the unchanged view is returned after them. None = no limit. What has ended
                never makes anybody wait.
        """
        self._changes.wait(version, timeout)
        return self.view()

    async def changed(self, version: int, timeout: float | None = None) -> View:
        """As :meth:`wait_for_change` for a coroutine: holds no thread while it waits."""
        await self._changes.changed(version, timeout)
        return self.view()

    def log(self, since: int = 0) -> tuple[LogEntry, ...]:
        """What has happened, oldest first, from entry number ``since``; without previews and pixels."""
        with self._changes:
            return tuple(self._log[since:])

    def _write_down(self, event: JobEvent, *, last: bool) -> None:
        """Adds a fact; nothing changes after the last one."""
        with self._changes:
            self._log.append(LogEntry(datetime.now(timezone.utc), event))
            self._changes.announce(last=last)
