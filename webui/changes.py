"""A version number that only grows, which threads and coroutines can wait on."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType

from typing_extensions import Self


class Changes:
    """Guards a piece of state and wakes whoever waits for it to change.

    Used as a context manager it is the lock of that state. A slow reader finds the newest version when it
    comes back; nothing is kept for it meanwhile.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition(threading.RLock())
        self._version = 0
        self._ended = False
        self._coroutines: dict[asyncio.Future[None], asyncio.AbstractEventLoop] = {}

    def __enter__(self) -> Self:
        self._condition.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._condition.release()

    @property
    def version(self) -> int:
        """How often the state has changed, from 0."""
        return self._version

    def announce(self, *, last: bool = False) -> None:
        """Counts one change and wakes everybody who waits; call it while holding the lock.

        Args:
            last: Nothing will change after this, so nobody needs to wait any more.
        """
        with self._condition:
            self._version += 1
            self._ended = self._ended or last
            self._condition.notify_all()
            for future, loop in self._coroutines.items():
                try:
                    loop.call_soon_threadsafe(_wake, future)
                except RuntimeError:  # that loop was closed with somebody still waiting on it
                    continue
            self._coroutines.clear()

    def wait(self, version: int, timeout: float | None = None) -> None:
        """Holds the calling thread until the version is above ``version``, or for ``timeout`` seconds."""
        with self._condition:
            self._condition.wait_for(lambda: self._is_past(version), timeout)

    async def changed(self, version: int, timeout: float | None = None) -> None:
        """As :meth:`wait`, holding no thread."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        with self._condition:
            if self._is_past(version):
                return
            self._coroutines[future] = loop
        try:
            await asyncio.wait({future}, timeout=timeout)
        finally:
            with self._condition:
                self._coroutines.pop(future, None)
            future.cancel()

    def _is_past(self, version: int) -> bool:
        return self._version > version or self._ended


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
