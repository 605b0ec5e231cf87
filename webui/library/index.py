"""The index over the library's files: a SQLite database that can always be made again from them.

Python's own ``sqlite3``: two tables and a dozen statements would not get shorter through a library around it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Literal

from .index_table import ADD, COLUMNS, SCHEMA, VERSION, Row
from .search import Query

LATEST: Final = 2**63 - 1


class DamagedIndex(Exception):
    """The index cannot be used and has to be made again."""


class OldIndex(DamagedIndex):
    """The index is whole, but of an earlier Reverie, and is made again."""


_FREE: Final = """
WITH RECURSIVE taken (number) AS (
    SELECT ? UNION ALL SELECT number + 1 FROM taken WHERE EXISTS (
        SELECT 1 FROM pictures WHERE pictures.number = taken.number
    )
) SELECT max(number) FROM taken
"""
_FACETS: Final = {
    "model": "SELECT model, count(*) FROM pictures WHERE owner = ? AND trashed = 0 GROUP BY model",
    "style": "SELECT style, count(*) FROM pictures WHERE owner = ? AND trashed = 0 GROUP BY style",
}


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

    def in_memory(self) -> PictureIndex:
        """The same index where no disk is needed; empty where this one cannot even be read. This one is closed."""
        copy = PictureIndex(":memory:")
        try:
            with suppress(sqlite3.Error):
                self._database.backup(copy._database)
        finally:
            self.close()
        return copy

    def add(self, rows: Iterable[Row]) -> None:
        """Adds pictures, or puts them in the place of those with the same id; all or none."""
        with self._change():
            for row in rows:
                self._database.execute("DELETE FROM pictures WHERE id = ?", (row.id,))
                (number,) = self._database.execute(_FREE, (row.created,)).fetchone()
                self._database.execute(ADD, (number, *row))

    def remove(self, paths: Iterable[str]) -> None:
        """Removes the pictures whose files have gone; all or none."""
        with self._change():
            self._database.executemany("DELETE FROM pictures WHERE path = ?", ((path,) for path in paths))

    def move(self, picture_id: str, path: str, trashed: int) -> None:
        """Notes where a picture lies now, and since when it is in the trash; 0 = it is not."""
        with self._change():
            self._database.execute(
                "UPDATE pictures SET path = ?, trashed = ? WHERE id = ?", (path, trashed, picture_id)
            )

    def star(self, picture_ids: Iterable[str], starred: int) -> None:
        """Notes stars given or taken; all or none."""
        with self._change():
            self._database.executemany(
                "UPDATE pictures SET starred = ? WHERE id = ?", ((starred, each) for each in picture_ids)
            )

    def paths(self) -> dict[str, str]:
        """The id of every picture, deleted ones included, by its path."""
        return dict(self._read("SELECT path, id FROM pictures"))

    def digests(self) -> set[str]:
        """The digests of everything that pictures, deleted ones included, began with."""
        named = "SELECT source FROM pictures WHERE source != '' UNION SELECT mask FROM pictures WHERE mask != ''"
        return {each for (each,) in self._read(named)}

    def names(self, digest: str) -> bool:
        """Whether a picture, deleted ones included, began with what has this digest."""
        named = "SELECT 1 FROM pictures WHERE source = ? AND source != '' UNION ALL "
        named += "SELECT 1 FROM pictures WHERE mask = ? AND mask != '' LIMIT 1"
        return bool(self._read(named, (digest, digest)))

    def starred(self) -> set[str]:
        """The ids of every picture with a star."""
        return {each for (each,) in self._read("SELECT id FROM pictures WHERE starred = 1")}

    def get(self, picture_id: str) -> Row | None:
        """Anybody's picture by that id, or None."""
        found = self._pictures("pictures WHERE id = ?", (picture_id,))
        return found[0][1] if found else None

    def number(self, picture_id: str) -> int | None:
        """A picture's place in the order of the feed, or None where there is no such picture."""
        rows = self._read("SELECT number FROM pictures WHERE id = ?", (picture_id,))
        return int(rows[0][0]) if rows else None

    def page(self, query: Query, count: int, before: int = LATEST) -> list[tuple[int, Row]]:
        """The pictures that answer a query, newest first, each with its number, from the one before ``before``."""
        conditions = " AND ".join([*query.conditions, f"{query.order} < ?"])
        rest = f"{query.tables} WHERE {conditions} ORDER BY {query.order} DESC LIMIT ?"
        return self._pictures(rest, (*query.values, before, count))

    def trash(self, owner: str, count: int, after: int = 0) -> list[Row]:
        """The owner's deleted pictures, the last deleted first."""
        rest = "pictures WHERE owner = ? AND trashed > 0 ORDER BY trashed DESC, number DESC LIMIT ? OFFSET ?"
        return [row for _, row in self._pictures(rest, (owner, count, after))]

    def children(self, owner: str, parent: str) -> list[Row]:
        """The owner's pictures made from another, the oldest first."""
        rest = "pictures WHERE parent = ? AND parent != '' AND owner = ? AND trashed = 0 ORDER BY number"
        return [row for _, row in self._pictures(rest, (parent, owner))]

    def facets(self, owner: str, column: Literal["model", "style"]) -> dict[str, int]:
        """How many of the owner's pictures there are of each model or style, most first."""
        found = self._read(_FACETS[column], (owner,))
        return dict(sorted(found, key=lambda pair: (-pair[1], pair[0])))

    def _prepare(self) -> None:
        if self._read("PRAGMA quick_check(1)") != [("ok",)]:
            raise DamagedIndex("its check failed")
        version = self._read("PRAGMA user_version")[0][0]
        if 0 < version < VERSION:
            raise OldIndex(f"it is of version {version}")
        if version != VERSION and (version or self._read("SELECT 1 FROM sqlite_schema LIMIT 1")):
            raise DamagedIndex(f"it is of version {version}, not {VERSION}")
        self._read("PRAGMA journal_mode = WAL")
        self._read("PRAGMA synchronous = NORMAL")
        if version != VERSION:
            self._database.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")

    def _pictures(self, rest: str, values: Sequence[object]) -> list[tuple[int, Row]]:
        """Pictures with their numbers; what follows ``FROM`` is put together from words of ours only."""
        found = self._read(f"SELECT pictures.number, {COLUMNS} FROM {rest}", values)  # noqa: S608 - see above
        return [(number, Row(*row)) for number, *row in found]

    def _read(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with damage_told_apart(), closing(self._database.execute(query, tuple(values))) as rows:
            return rows.fetchall()

    @contextmanager
    def _change(self) -> Iterator[None]:
        """One transaction, undone where anything in it fails."""
        with damage_told_apart():
            self._database.execute("BEGIN IMMEDIATE")
            with self._database:
                yield


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


__all__ = ["LATEST", "DamagedIndex", "OldIndex", "PictureIndex", "Row", "damage_told_apart"]
