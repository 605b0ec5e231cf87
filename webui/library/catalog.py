"""The index kept true to the files: healed when it is damaged, matched with what lies in the folder."""

from __future__ import annotations

import logging
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Final, TypeVar

from .carried import OWN, PARAMETERS, texts_of
from .embed import Stamp
from .files import has_gone, picture_files
from .formats import is_whole
from .index import DamagedIndex, OldIndex, PictureIndex, Row
from .infotext import write_infotext
from .marks import Stars
from .recipe import Recipe, RecipeError, read_json
from .search import EPOCH, microseconds
from .trash import Trash

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

_REFUSALS: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
"""What SQLite says of a disk that cannot be written; that somebody else is at the file just now is none of these."""


UNWRITABLE: Final = "The index of the pictures cannot be written; until it can, it is made anew at each start."


class Catalog:
    """Answers questions about a folder's pictures; opening never fails. Safe to use from many threads.

    Args:
        folder: Where the pictures are.
        path: The index file.
        notice: Told in one sentence when something was damaged or cannot be written.

    Attributes:
        complete: Whether every file was looked at; where not, nothing counts as left over.
    """

    complete = False

    def __init__(self, folder: Path, path: Path, notice: Callable[[str], None]) -> None:
        self._folder, self._path, self._notice = folder, path, notice
        self._lock = threading.RLock()
        self._index = self._open()
        try:
            self.ask(self._match_files)
        except sqlite3.Error as error:
            self.complete = False
            log.warning("The picture index could not be brought up to date: %s", error)
            notice("The index of the pictures could not be written; the newest may be missing from the list.")

    def close(self) -> None:
        """Closes the index; the catalog is not used afterwards."""
        with self._lock:
            self._index.close()

    def ask(self, question: Callable[[PictureIndex], Answer]) -> Answer:
        """Puts a question to the index; one that proves damaged is made again from the files first.

        Where the disk is full or cannot be written, the index goes on in memory until the studio is started again.

        Raises:
            sqlite3.Error: Another program holds the index too long.
        """
        with self._lock:
            try:
                self._find_again()
                return question(self._index)
            except DamagedIndex as error:
                self._index.close()
                self._put_aside(error)
                self._index = self._open()
                self._match_files(self._index)
                return question(self._index)
            except sqlite3.Error as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _REFUSALS:
                    raise
                log.warning("The picture index cannot be written: %s", error)
                self._index, self._on_disk, self.complete = self._index.in_memory(), False, False
                self._notice(UNWRITABLE)
                return question(self._index)

    def names(self, digest: str) -> bool:
        """Whether a picture began with what has this digest; also where that cannot be known."""
        try:
            return not self.complete or self.ask(lambda index: index.names(digest))
        except sqlite3.Error:
            return True

    def _find_again(self) -> None:
        """Somebody who tidies up may take the index away while the studio runs: an open file would go on, unseen."""
        if self._on_disk and has_gone(self._path):
            log.warning("The picture index has gone; it is made anew.")
            self._index.close()
            with suppress(OSError):
                self._path.parent.mkdir(parents=True, exist_ok=True)
            self._index = self._open()
            self._match_files(self._index)
            self._notice("The index of the pictures was removed while the studio ran; it was made anew.")

    def _open(self) -> PictureIndex:
        self._on_disk = True
        for _ in range(2):
            try:
                return PictureIndex(self._path)
            except DamagedIndex as error:
                self._put_aside(error)
            except sqlite3.Error as error:
                log.warning("The picture index cannot be used: %s", error)
                break
        self._notice(UNWRITABLE)
        self._on_disk = False
        return PictureIndex(":memory:")

    def _put_aside(self, error: DamagedIndex) -> None:
        if isinstance(error, OldIndex):
            log.info("The picture index is made anew: %s", error)
            remove_database(self._path)
        else:
            log.warning("The picture index is damaged: %s", error)
            set_aside(self._path, "The index of the pictures was damaged", self._notice)

    def _match_files(self, index: PictureIndex) -> None:
        """Lists files without a row (a program was killed in between), forgets rows whose file has gone."""
        self.complete = True
        known = index.paths()
        deleted = {self._name(each.path): each for each in Trash(self._folder).files()}
        failed: list[OSError] = []
        found = {self._name(path): path for path in picture_files(self._folder, failed.append)}
        if any(not isinstance(error, FileNotFoundError | NotADirectoryError) for error in failed):
            self.complete = False
            self._notice("A folder of pictures could not be looked into; what is in it may not be up to date.")
        else:
            index.remove(known.keys() - found.keys() - deleted.keys())
        ids = {known[name] for name in known.keys() & found.keys()}
        stars = Stars(self._folder).all()
        unknown = [found[name] for name in sorted(found.keys() - known)]
        new = [row._replace(starred=int(row.id in stars)) for row in self._rows(unknown)]
        ids |= {row.id for row in new}
        left = []
        for name in sorted(deleted.keys() - known):
            for row in self._rows([deleted[name].path]):
                if row.id in ids:  # it was being brought back when the program was killed: the other copy is whole
                    self._forget_copy(deleted[name].path)
                else:
                    day = datetime.combine(deleted[name].day, datetime.min.time(), timezone.utc)
                    left.append(row._replace(trashed=microseconds(day), starred=int(row.id in stars)))
        index.add([*left, *new])
        wrong = index.starred()
        index.star(stars - wrong, 1)
        index.star(wrong - stars, 0)

    def _forget_copy(self, path: Path) -> None:
        with suppress(OSError):
            Trash(self._folder).remove(path)

    def _name(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()

    def _rows(self, paths: Iterable[Path]) -> Iterator[Row]:
        for path in paths:
            try:
                texts = texts_of(path) if is_whole(path) else {}
                if OWN in texts:
                    stamp = read_json(Stamp, texts[OWN])
                    yield row_for(stamp, self._name(path), texts.get(PARAMETERS) or write_infotext(stamp.recipe))
            except (OSError, RecipeError) as error:
                self.complete = self.complete and not isinstance(error, OSError)
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
        created=microseconds(stamp.created),
        width=recipe.width,
        height=recipe.height,
        seed=recipe.seed,
        prompt=str(recipe.request.get("prompt", "")),
        infotext=infotext,
        task=recipe.task,
        model=recipe.model.id if recipe.model else "",
        style=recipe.style or "",
        parent=recipe.parent or "",
        edit=recipe.edit or "",
        source=_digest_in(recipe, "image"),
        mask=_digest_in(recipe, "mask_image"),
    )


def _digest_in(recipe: Recipe, field: str) -> str:
    value = recipe.request.get(field)
    return value if isinstance(value, str) else ""


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
    remove_database(path)
    notice(f"{what}; it was set aside as {aside.name} and made anew.")


def remove_database(path: Path) -> None:
    """Removes a SQLite file, if it is still there, and the companions it has beside it."""
    for ending in ("", "-wal", "-shm"):
        with suppress(OSError):
            path.with_name(path.name + ending).unlink()


__all__ = ["EPOCH", "Catalog", "remove_database", "row_for", "set_aside"]
