"""The index over the library's files: a SQLite table that can always be made again from them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

VERSION: Final = 1
"""Of the table; an index of another version is made anew."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS pictures (
    id TEXT PRIMARY KEY NOT NULL,
    path TEXT NOT NULL,
    owner TEXT NOT NULL,
    created INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    seed INTEGER NOT NULL,
    prompt TEXT NOT NULL,
    infotext TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS by_path ON pictures (path);
CREATE INDEX IF NOT EXISTS newest ON pictures (owner, created DESC, id DESC);
"""

_ADD: Final = "INSERT OR REPLACE INTO pictures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_NEWEST: Final = """
SELECT * FROM pictures WHERE owner = ? AND (created, id) < (?, ?) ORDER BY created DESC, id DESC LIMIT ?
"""
_LATEST: Final = 2**63 - 1


class DamagedIndex(Exception):
    """The index cannot be used and has to be made again."""


class Row(NamedTuple):
    """One picture as the index holds it; the fields are the table's columns in their order.

    Attributes:
        id: The picture's id.
        path: Below the library's folder, with ``/``.
        owner: A salted hash.
        created: Microseconds since 1970, UTC.
        width: Pixels.
        height: Pixels.
        seed: The picture's own.
        prompt: What was asked for.
        infotext: A1111's ``parameters`` text.
    """

    id: str
    path: str
    owner: str
    created: int
    width: int
    height: int
    seed: int
    prompt: str
    infotext: str


class PictureIndex:
    """Rows by owner, newest first. One thread at a time; the library's lock sees to it.

    Args:
        path: The file, made where it is missing; ``:memory:`` for one that lasts as long as the program.

    Raises:
        DamagedIndex: The file is no index, is damaged, or is of another version.
        sqlite3.OperationalError: It cannot be opened or written.
    """

    def __init__(self, path: Path | str) -> None:
        # WAL: readers never wait, and a killed program loses no row that was committed.
        self._database = sqlite3.connect(path, timeout=10.0, check_same_thread=False, isolation_level=None)
        try:
            with damage_told_apart():
                self._prepare()
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        """Closes the file; the index is not used afterwards."""
        self._database.close()

    def add(self, rows: Iterable[Row]) -> None:
        """Adds pictures, or puts them in the place of those with the same id; all or none."""
        self._write(_ADD, rows)

    def remove(self, paths: Iterable[str]) -> None:
        """Removes the pictures whose files have gone; all or none."""
        self._write("DELETE FROM pictures WHERE path = ?", ((path,) for path in paths))

    def paths(self) -> set[str]:
        """The path of every picture."""
        return {path for (path,) in self._read("SELECT path FROM pictures", ())}

    def get(self, picture_id: str) -> Row | None:
        """Anybody's picture by that id, or None."""
        rows = self._read("SELECT * FROM pictures WHERE id = ?", (picture_id,))
        return Row(*rows[0]) if rows else None

    def newest(self, owner: str, count: int, before: Row | None = None) -> list[Row]:
        """The owner's pictures, newest first, from the one after ``before``."""
        last = (before.created, before.id) if before else (_LATEST, "")
        return [Row(*row) for row in self._read(_NEWEST, (owner, *last, count))]

    def _prepare(self) -> None:
        if self._read("PRAGMA quick_check(1)", ()) != [("ok",)]:
            raise DamagedIndex("its check failed")
        version = self._read("PRAGMA user_version", ())[0][0]
        if version != VERSION and (version or self._read("SELECT 1 FROM sqlite_schema LIMIT 1", ())):
            raise DamagedIndex(f"it is of version {version}, not {VERSION}")
        self._read("PRAGMA journal_mode = WAL", ())
        self._read("PRAGMA synchronous = NORMAL", ())
        if version != VERSION:
            self._database.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")

    def _read(self, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        with damage_told_apart(), closing(self._database.execute(query, tuple(values))) as rows:
            return rows.fetchall()

    def _write(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        with damage_told_apart():
            self._database.execute("BEGIN IMMEDIATE")
            with self._database:
                self._database.executemany(statement, rows)


@contextmanager
def damage_told_apart() -> Iterator[None]:
    """Raises :class:`DamagedIndex` for a damaged file.

    Damage is a plain ``DatabaseError``; its subclasses are a full disk, a lock and the like.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        if type(error) is sqlite3.DatabaseError:
            raise DamagedIndex(str(error)) from error
        raise
