"""Which files a piece of work leaves behind, and how much it writes anywhere."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from pathlib import Path

from typing_extensions import Self


class Written:
    """Watches this process while the context is open, with a fresh folder for temporary files and to work in.

    Attributes:
        files: What lies in that folder at the end, wherever below it.
        bytes: What this process handed to the system for writing, into whatever; None where that is not told.
    """

    def __init__(self) -> None:
        self.files: list[str] = []
        self.bytes: int | None = None

    def __enter__(self) -> Self:
        self._stack = contextlib.ExitStack()
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self._stack.callback(setattr, tempfile, "tempdir", tempfile.tempdir)
        self._stack.callback(os.chdir, Path.cwd())
        tempfile.tempdir = str(self._folder)
        os.chdir(self._folder)
        self._before = _bytes_written()
        return self

    def __exit__(self, *_: object) -> None:
        after = _bytes_written()
        self.bytes = None if after is None or self._before is None else after - self._before
        self.files = sorted(str(path.relative_to(self._folder)) for path in self._folder.rglob("*"))
        self._stack.close()


def _bytes_written() -> int | None:
    try:
        found = re.search(r"wchar: (\d+)", Path("/proc/self/io").read_text(encoding="utf-8"))
    except OSError:
        return None
    return int(found[1]) if found else None
