"""How the pictures made lately looked at each of their steps, so that an artist can go back to one."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

STRIP_BYTES: Final = 64 * 2**20
"""Previews kept: some hundreds of pictures, at a few kilobytes a step."""


class StepStrips:
    """The previews of each picture by step, the least recently looked at go first; safe to use from many threads.

    Args:
        largest_bytes: What all together may take.
    """

    def __init__(self, largest_bytes: int = STRIP_BYTES) -> None:
        self._largest_bytes = largest_bytes
        self._strips: OrderedDict[str, dict[int, bytes]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def keep(self, picture_id: str, previews: Mapping[int, bytes]) -> None:
        """Keeps a finished picture's previews.

        Args:
            picture_id: The library's.
            previews: JPEG bytes by step, from 1; steps may be missing.
        """
        size = _size(previews)
        if not previews or size > self._largest_bytes:
            return
        with self._lock:
            self._bytes += size - _size(self._strips.pop(picture_id, {}))
            self._strips[picture_id] = dict(previews)
            while self._bytes > self._largest_bytes:
                self._bytes -= _size(self._strips.popitem(last=False)[1])

    def of(self, picture_id: str) -> Mapping[int, bytes]:
        """A picture's previews by step; none where they are forgotten, or it was not made here."""
        with self._lock:
            if picture_id in self._strips:
                self._strips.move_to_end(picture_id)
            return self._strips.get(picture_id, {})


def _size(previews: Mapping[int, bytes]) -> int:
    return sum(map(len, previews.values()))
