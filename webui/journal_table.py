"""The journal's tables in SQLite: jobs, the pictures they were given, and those they have made."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

from .library.index import DamagedIndex, damage_told_apart

VERSION: Final = 2

PATIENCE: Final = 5.0
"""Seconds to wait for a studio on the same folder that is about to end."""

_SCHEMA: Final = """
CREATE TABLE jobs (
    id TEXT PRIMARY KEY NOT NULL,
    position INTEGER NOT NULL,
    owner TEXT NOT NULL,
    request TEXT NOT NULL,
    parent TEXT,
    edit TEXT,
    style TEXT,
    submitted INTEGER NOT NULL,
    first_seed INTEGER NOT NULL,
    paused INTEGER NOT NULL DEFAULT 0,
    starts INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'waiting',
    error TEXT
);
CREATE TABLE given (
    job TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE,
    field TEXT NOT NULL,
    png BLOB NOT NULL,
    PRIMARY KEY (job, field)
);
CREATE TABLE pictures (
    job TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE,
    number INTEGER NOT NULL,
    picture TEXT,
    PRIMARY KEY (job, number)
);
"""

_FROM_VERSION_1: Final = "ALTER TABLE jobs ADD COLUMN edit TEXT; ALTER TABLE jobs ADD COLUMN style TEXT;"

_TABLES: Final = {"jobs", "given", "pictures"}

_ADD: Final = """
INSERT INTO jobs
    (position, id, owner, request, parent, edit, style, submitted, first_seed, paused, starts, state, error)
VALUES ((SELECT 1 + COALESCE(MAX(position), 0) FROM jobs), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

Statement = tuple[str, Sequence[object]]


class JobRow(NamedTuple):
    """One job as the journal holds it.

    Attributes:
        id: The job's id.
        owner: A salted hash.
        request: Its JSON, see ``webui.request_text``.
        parent: Id of the picture it goes out from.
        edit: What is done to that.
        style: Id of the style laid over the prompt.
        submitted: Microseconds since 1970, UTC.
        first_seed: Seed of picture 0, never -1.
        paused: 1 where its owner lets it stand still.
        starts: How often it was begun since it last finished a picture.
        state: A job's state; ``waiting`` until it has ended.
        error: The sentence of one that failed.
    """

    id: str
    owner: str
    request: str
    parent: str | None
    edit: str | None
    style: str | None
    submitted: int
    first_seed: int
    paused: int = 0
    starts: int = 0
    state: str = "waiting"
    error: str | None = None


class JournalTable:
    """Rows of jobs in the order in which they are to begin. One thread at a time; the journal sees to it.

    While it is open no other program can open the same file: two studios would make the same jobs.

    Args:
        path: The file, made where it is missing.

    Raises:
        DamagedIndex: The file is no journal, is damaged, or is of another version.
        sqlite3.OperationalError: It cannot be opened or written, or another studio has it open.
    """

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, timeout=PATIENCE, check_same_thread=False, isolation_level=None)
        try:
            with damage_told_apart():
                self._prepare()
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        """Closes the file; the table is not used afterwards."""
        self._database.close()

    def add(self, row: JobRow, given: Mapping[str, bytes], pictures: Mapping[int, str | None]) -> None:
        """Adds a job behind all others; it is on the disk before this returns."""
        self.write(
            [
                (_ADD, row),
                *(("INSERT INTO given VALUES (?, ?, ?)", (row.id, *one)) for one in given.items()),
                *(("INSERT INTO pictures VALUES (?, ?, ?)", (row.id, *one)) for one in pictures.items()),
            ],
            durable=True,
        )

    def write(self, statements: Iterable[Statement], *, durable: bool = False) -> None:
        """Makes changes, all or none.

        Args:
            statements: SQL, each with its values.
            durable: Whether they also have to survive a power cut; a killed program loses nothing either way.
        """
        with damage_told_apart():
            self._database.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._database.execute("BEGIN IMMEDIATE")
            with self._database:
                for statement, values in statements:
                    self._database.execute(statement, tuple(values))

    def reorder(self, job_ids: Sequence[str]) -> None:
        """Lets some jobs begin in this order; the places are those they have, so nobody else's changes."""
        marks = ", ".join("?" * len(job_ids))
        places = self._read(f"SELECT position FROM jobs WHERE id IN ({marks}) ORDER BY position", job_ids)  # noqa: S608
        moved = [(place, job_id) for (place,), job_id in zip(places, job_ids, strict=False)]
        self.write([("UPDATE jobs SET position = ? WHERE id = ?", move) for move in moved])

    def rows(self) -> list[JobRow]:
        """Every job, in the order in which they are to begin."""
        columns = ", ".join(JobRow._fields)
        return [JobRow(*row) for row in self._read(f"SELECT {columns} FROM jobs ORDER BY position, id")]  # noqa: S608

    def given(self, job_id: str) -> dict[str, bytes]:
        """The pictures a job was given, as PNG by field."""
        return dict(self._read("SELECT field, png FROM given WHERE job = ?", (job_id,)))

    def pictures(self, job_id: str) -> dict[int, str | None]:
        """The library ids of pictures a job has made, by index; None for those that were skipped."""
        return dict(self._read("SELECT number, picture FROM pictures WHERE job = ?", (job_id,)))

    def _prepare(self) -> None:
        for pragma in ("locking_mode = EXCLUSIVE", "auto_vacuum = FULL", "foreign_keys = ON"):
            self._read(f"PRAGMA {pragma}")
        if self._read("PRAGMA quick_check(1)") != [("ok",)]:
            raise DamagedIndex("its check failed")
        version = self._read("PRAGMA user_version")[0][0]
        if version not in (1, VERSION) and (version or self._read("SELECT 1 FROM sqlite_schema LIMIT 1")):
            raise DamagedIndex(f"it is of version {version}, not {VERSION}")
        self._read("PRAGMA journal_mode = WAL")
        if version != VERSION:
            change = _FROM_VERSION_1 if version == 1 else _SCHEMA
            self._database.executescript(f"BEGIN IMMEDIATE; {change} PRAGMA user_version = {VERSION}; COMMIT;")
        if {name for (name,) in self._read("SELECT name FROM sqlite_schema WHERE type = 'table'")} != _TABLES:
            raise DamagedIndex("a table is missing")
        self.write([])  # so that a file that can only be read, or that others hold, is known at once

    def _read(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with damage_told_apart(), closing(self._database.execute(query, tuple(values))) as rows:
            return rows.fetchall()
