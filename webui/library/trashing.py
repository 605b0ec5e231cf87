"""What owners do to their pictures: stars, deleting, bringing back, removing; the files first, the index after."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timezone
from functools import partial
from pathlib import Path
from typing import Final

from .catalog import Catalog
from .index import PictureIndex, Row
from .inputs import Inputs
from .keeping import why
from .marks import Stars
from .search import microseconds
from .thumbnails import Thumbnails
from .trash import Trash

log = logging.getLogger(__name__)

EVERYTHING: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of pictures that something was asked for.

    Attributes:
        ids: Those it was done to; others are not the owner's, or not there.
        notice: One sentence where something went wrong, else None.
        gone: Those whose files somebody has moved or removed by hand.
    """

    ids: tuple[str, ...]
    notice: str | None = None
    gone: tuple[str, ...] = ()


class Trashing:
    """Changes an owner's pictures; each change is on the disk before it is acknowledged.

    Args:
        folder: The library's.
        catalog: What is in it.
        stars: Its stars.
        thumbnails: Its small copies.
        inputs: What its edits began with.
    """

    def __init__(self, folder: Path, catalog: Catalog, stars: Stars, thumbnails: Thumbnails, inputs: Inputs) -> None:
        self._folder, self._catalog, self._stars, self._thumbnails = folder, catalog, stars, thumbnails
        self._inputs = inputs
        self._trash = Trash(folder)

    def star(self, owner: str, ids: Iterable[str], *, starred: bool) -> Outcome:
        """Gives stars, or takes them away."""

        def mark(row: Row) -> None:
            (self._folder / row.path).stat()  # no star for a file that has gone
            self._stars.set(row.id, starred)
            self._catalog.ask(partial(PictureIndex.star, picture_ids=[row.id], starred=int(starred)))

        return self._each(self._rows(owner, ids, trashed=False), mark, "a star was not changed")

    def delete(self, owner: str, ids: Iterable[str]) -> Outcome:
        """Moves pictures to the trash."""
        now = datetime.now(timezone.utc)

        def discard(row: Row) -> None:
            place = self._trash.put(self._folder / row.path, row.id, now)
            self._move(row, place, microseconds(now))

        return self._each(self._rows(owner, ids, trashed=False), discard, "a picture was not deleted")

    def restore(self, owner: str, ids: Iterable[str]) -> Outcome:
        """Brings pictures back from the trash."""

        def take(row: Row) -> None:
            self._move(row, self._trash.take(self._folder / row.path), 0)

        return self._each(self._rows(owner, ids, trashed=True), take, "a picture was not brought back")

    def empty(self, owner: str, ids: Iterable[str] | None = None) -> Outcome:
        """Removes deleted pictures for good."""
        if ids is None:
            rows = self._catalog.ask(partial(PictureIndex.trash, owner=owner, count=EVERYTHING))
            return self._each(rows, self._remove, "a picture was not removed")
        return self._each(self._rows(owner, ids, trashed=True), self._remove, "a picture was not removed")

    def empty_old(self, today: date, days: int) -> int:
        """Removes for good what was deleted long ago, whoever's it is; gives how many."""
        removed = 0
        for old in self._trash.expired(today, days):
            name = old.path.relative_to(self._folder).as_posix()
            try:
                row = self._catalog.ask(partial(PictureIndex.get, picture_id=old.id))
                self._trash.remove(old.path)
                self._catalog.ask(partial(PictureIndex.remove, paths=[name]))
                self._forget(old.id, row)
                removed += 1
            except (OSError, sqlite3.Error) as error:
                log.warning("%s stays in the trash: %s", name, error)
        return removed

    def sweep(self) -> None:
        """Removes what edits began with and no picture names any more."""
        if self._catalog.complete:
            self._inputs.sweep(self._catalog.ask(PictureIndex.digests))

    def _remove(self, row: Row) -> None:
        self._trash.remove(self._folder / row.path)
        self._catalog.ask(partial(PictureIndex.remove, paths=[row.path]))
        self._forget(row.id, row)

    def _forget(self, picture_id: str, row: Row | None) -> None:
        self._thumbnails.forget(picture_id)
        if row is not None:
            self._inputs.forget([each for each in (row.source, row.mask) if each], self._catalog.names)
        try:
            self._stars.set(picture_id, False)
        except OSError as error:  # the star of a picture that is gone harms nobody
            log.info("A star was left behind: %s", error)

    def _move(self, row: Row, place: Path, trashed: int) -> None:
        path = place.relative_to(self._folder).as_posix()
        self._catalog.ask(partial(PictureIndex.move, picture_id=row.id, path=path, trashed=trashed))

    def _rows(self, owner: str, ids: Iterable[str], *, trashed: bool) -> Iterator[Row]:
        for each in each_once(ids):
            row = self._catalog.ask(partial(PictureIndex.get, picture_id=each))
            if row is not None and row.owner == owner and bool(row.trashed) == trashed:
                yield row

    def _each(self, rows: Iterable[Row], act: Callable[[Row], None], else_: str) -> Outcome:
        """Does it to each picture; one that fails does not keep the others from it."""
        done: list[str] = []
        gone: list[str] = []
        notice: str | None = None
        for row in rows:
            try:
                act(row)
                done.append(row.id)
            except FileNotFoundError:
                gone.append(row.id)
            except OSError as error:
                log.warning("%s: %s", row.path, error)
                notice = f"{why(error)}, so {else_}; make room or check the folder, and try again."
            except sqlite3.Error as error:
                log.warning("%s is done, but the index does not know: %s", row.path, error)
                notice = f"The index of the pictures could not be written, so {else_} in the list; restart the studio."
        return Outcome(tuple(done), notice, tuple(gone))


def each_once(ids: Iterable[str]) -> list[str]:
    """Ids in their order without those that were there before."""
    return list(dict.fromkeys(ids))
