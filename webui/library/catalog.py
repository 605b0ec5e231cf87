"""The index kept true to the files: healed when it is damaged, matched with what lies in the folder."""

from __future__ import annotations

import io
import logging
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Final, TypeVar

from .embed import Stamp, read_stamp
from .files import picture_files
from .index import DamagedIndex, PictureIndex, Row
from .infotext import write_infotext
from .recipe import RecipeError

log = logging.getLogger(__name__)

EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_END_OF_PNG: Final = b"\0\0\0\0IEND\xaeB`\x82"

Answer = TypeVar("Answer")


class Catalog:
    """Answers questions about a folder's pictures; opening never fails. Safe to use from many threads.

    Args:
        folder: Where the pictures are.
        path: The index file.
        notice: Told in one sentence when something was damaged or cannot be written.
    """

    def __init__(self, folder: Path, path: Path, notice: Callable[[str], None]) -> None:
        self._folder, self._path, self._notice = folder, path, notice
        self._lock = threading.RLock()
        self._index = self._open()
        try:
            self.ask(self._match_files)
        except sqlite3.Error as error:
            log.warning("The picture index could not be brought up to date: %s", error)
            notice("The index of the pictures could not be written; the newest may be missing from the list.")

    def close(self) -> None:
        """Closes the index; the catalog is not used afterwards."""
        with self._lock:
            self._index.close()

    def ask(self, question: Callable[[PictureIndex], Answer]) -> Answer:
        """Puts a question to the index; one that proves damaged is made again from the files first.

        Raises:
            sqlite3.Error: The disk is full, or another program holds the index too long.
        """
        with self._lock:
            try:
                return question(self._index)
            except DamagedIndex as error:
                log.warning("The picture index is damaged: %s", error)
                self._index.close()
                set_aside(self._path, "The index of the pictures was damaged", self._notice)
                self._index = self._open()
                self._match_files(self._index)
                return question(self._index)

    def _open(self) -> PictureIndex:
        for _ in range(2):
            try:
                return PictureIndex(self._path)
            except DamagedIndex as error:
                log.warning("The picture index is damaged: %s", error)
                set_aside(self._path, "The index of the pictures was damaged", self._notice)
            except sqlite3.Error as error:
                log.warning("The picture index cannot be used: %s", error)
                break
        self._notice("The index of the pictures cannot be written; it is made anew at each start.")
        return PictureIndex(":memory:")

    def _match_files(self, index: PictureIndex) -> None:
        """Lists files without a row (a program was killed in between), forgets rows whose file has gone."""
        known = index.paths()
        found = {path.relative_to(self._folder).as_posix(): path for path in picture_files(self._folder)}
        index.remove(known - found.keys())
        index.add(self._rows(found[name] for name in sorted(found.keys() - known)))

    def _rows(self, paths: Iterable[Path]) -> Iterator[Row]:
        for path in paths:
            try:
                stamp = read_stamp(path) if _is_whole(path) else None
                if stamp is not None:
                    name = path.relative_to(self._folder).as_posix()
                    yield row_for(stamp, name, write_infotext(stamp.recipe))
            except (OSError, RecipeError) as error:
                log.warning("%s is not listed: %s", path.name, error)


def row_for(stamp: Stamp, path: str, infotext: str) -> Row:
    """The index row of a picture.

    Args:
        stamp: What its file says.
        path: Below the library's folder, with ``/``.
        infotext: A1111's ``parameters`` text.
    """
    recipe = stamp.recipe
    return Row(
        id=stamp.id,
        path=path,
        owner=stamp.owner,
        created=(stamp.created - EPOCH) // timedelta(microseconds=1),
        width=recipe.width,
        height=recipe.height,
        seed=recipe.seed,
        prompt=str(recipe.request.get("prompt", "")),
        infotext=infotext,
    )


def set_aside(path: Path, what: str, notice: Callable[[str], None]) -> None:
    """Renames a damaged file, so that somebody may still look at it, and says so.

    Args:
        path: The file; the companions SQLite has beside it go.
        what: How the sentence begins.
        notice: Takes the sentence.
    """
    aside = path.with_name(f"{path.name}.damaged-{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}")
    with suppress(OSError):
        path.rename(aside)
    for companion in ("-wal", "-shm"):
        with suppress(OSError):
            path.with_name(path.name + companion).unlink()
    notice(f"{what}; it was set aside as {aside.name} and made anew.")


def _is_whole(path: Path) -> bool:
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - len(_END_OF_PNG)))
        return file.read() == _END_OF_PNG
