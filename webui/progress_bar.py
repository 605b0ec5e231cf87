"""A bar in the terminal that grows while pictures are made; quiet where nobody looks."""

from __future__ import annotations

import shutil
import time
from typing import Final, TextIO

WIDEST: Final = 40


class ProgressBar:
    """Shows steps done on a terminal, and only finished pictures elsewhere.

    Args:
        stream: Where, usually ``sys.stderr``.
        quiet: Shows nothing but what somebody has to know.
    """

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self._stream, self._quiet = stream, quiet
        self._drawn = stream.isatty() and not quiet
        self._began = time.monotonic()

    def show(self, done: int, total: int) -> None:
        """Draws the bar anew.

        Args:
            done: Steps.
            total: Steps of all pictures; at least 1.
        """
        if self._drawn:
            width = max(10, min(WIDEST, shutil.get_terminal_size().columns - 30))
            full = width * min(done, total) // max(1, total)
            seconds = time.monotonic() - self._began
            bar = "█" * full + "░" * (width - full)
            self._stream.write(f"{self._wiped()}{bar} {done}/{total} steps, {seconds:.0f} s ")
            self._stream.flush()

    def wait(self, sentence: str) -> None:
        """Shows what is being waited for until there is something else to show."""
        if self._drawn:
            self._stream.write(f"{self._wiped()}{sentence} ")
            self._stream.flush()

    def say(self, sentence: str) -> None:
        """Puts a sentence on a line of its own."""
        if not self._quiet:
            self.warn(sentence)

    def warn(self, sentence: str) -> None:
        """Puts a sentence on a line of its own that a script's log should have, too."""
        self._stream.write(f"{self._wiped()}{sentence}\n")
        self._stream.flush()

    def close(self) -> None:
        """Takes the bar away."""
        if self._drawn:
            self._stream.write(self._wiped())
            self._stream.flush()

    def _wiped(self) -> str:
        return "\r\x1b[2K" if self._drawn else ""
