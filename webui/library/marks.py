"""Stars as empty files, one for each starred picture, so that a lost index loses none of them."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from .files import sync_folder

_ID = re.compile(r"[0-9a-f]{32}")


class Stars:
    """Which pictures are starred: ``<folder>/.stars/<id>`` is there or not.

    An empty file is made and removed in one step, so that no crash leaves half a star, and a full disk loses none
    that is there.

    Args:
        folder: The library's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / ".stars"

    def all(self) -> set[str]:
        """The ids of all starred pictures."""
        with suppress(OSError):
            return {path.name for path in self._folder.iterdir() if _ID.fullmatch(path.name)}
        return set()

    def set(self, picture_id: str, starred: bool) -> None:
        """Stars a picture, or takes its star away; on the disk before it returns.

        Raises:
            OSError: The disk is full, or cannot be written.
        """
        path = self._folder / picture_id
        if starred:
            self._folder.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o666))
        else:
            with suppress(FileNotFoundError):
                path.unlink()
        sync_folder(self._folder)
