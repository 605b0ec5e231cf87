"""The journal: every job that was taken in, written down before its owner is told so, so that it outlives the program.

It never stands in the way: what cannot be written is logged or said, and the job goes on.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from pipelines.errors import InvalidRequest
from pipelines.request import GenerationRequest

from .job import Job
from .job_view import JobState
from .journal_table import JobRow, JournalTable, Statement
from .library.catalog import EPOCH, set_aside
from .library.files import has_gone
from .library.index import DamagedIndex
from .request_text import read_request, write_request

log = logging.getLogger(__name__)

NOT_WRITTEN: Final = "This job could not be written down; it would not survive a restart of the studio."
ENDED_KEPT: Final = 200
"""Jobs that have ended and are still told of after a restart."""


@dataclass(frozen=True, slots=True)
class WrittenJob:
    """A job as it was found in the journal.

    Attributes:
        row: Its own row.
        request: What was asked for.
        pictures: Library ids of its finished pictures by index; None for those skipped.
    """

    row: JobRow
    request: GenerationRequest
    pictures: dict[int, str | None]


class Journal:
    """Jobs on disk; safe to use from many threads.

    Opening never fails: a damaged file is set aside, one that cannot be used is done without, and :attr:`notices`
    says so.

    Args:
        path: The SQLite file; its folder is made where it is missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._notices: list[str] = []
        self._live: dict[str, Job] = {}  # written down and not ended, in case all has to be written anew
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
        self._table = self._open()

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences for whoever runs the studio: what was found damaged, and what became of it."""
        return tuple(self._notices)

    def close(self) -> None:
        """Closes the file; an orderly end is nothing a job could be blamed for."""
        self._write([("UPDATE jobs SET starts = 0", ())], "the orderly end")
        with self._lock:
            if self._table is not None:
                self._table.close()
                self._table = None

    def add(self, job: Job) -> str | None:
        """Writes a new job down; it is on the disk when this returns.

        Returns:
            A sentence for its owner where that was not possible, else None.
        """
        try:
            entry = _entry(job)  # before the lock is taken: large pictures take a while
            written = self._attempt(lambda table: table.add(*entry), f"job {job.id}")
        except (OSError, ValueError) as error:
            log.warning("Job %s could not be written down: %s", job.id, error)
            written = False
        self.follow(job)
        return None if written else NOT_WRITTEN

    def begun(self, job: Job) -> None:
        """A job is being made from now on."""
        self._write([("UPDATE jobs SET starts = starts + 1 WHERE id = ?", (job.id,))], "a job's beginning")

    def made(self, job: Job, index: int, picture_id: str) -> None:
        """The library has one of its pictures."""
        pictures: Statement = ("INSERT OR REPLACE INTO pictures VALUES (?, ?, ?)", (job.id, index, picture_id))
        self._write([pictures, ("UPDATE jobs SET starts = 0 WHERE id = ?", (job.id,))], "a picture")

    def skipped(self, job: Job, index: int) -> None:
        """One of its pictures is not wanted any more."""
        self._write([("INSERT OR IGNORE INTO pictures VALUES (?, ?, NULL)", (job.id, index))], "a skip")

    def paused(self, job: Job) -> None:
        """It was paused, or goes on and begins with a clean slate."""
        self._write([("UPDATE jobs SET paused = ?, starts = 0 WHERE id = ?", (job.paused, job.id))], "a pause")

    def ordered(self, jobs: Sequence[Job]) -> None:
        """An owner's waiting jobs are to begin in this order; other owners' keep their places."""
        self._attempt(lambda table: table.reorder([job.id for job in jobs]), "the order of jobs")

    def ended(self, job: Job, state: JobState, error: str | None = None) -> None:
        """It has ended, or is about to by its owner's wish."""
        self._live.pop(job.id, None)
        self._write([("UPDATE jobs SET state = ?, error = ? WHERE id = ?", (state, error, job.id))], "a job's end")

    def forget(self, jobs: Iterable[Job]) -> None:
        """Nobody asks for these any more."""
        ids = [job.id for job in jobs]
        for job_id in ids:
            self._live.pop(job_id, None)
        if ids:
            self._write([("DELETE FROM jobs WHERE id = ?", (job_id,)) for job_id in ids], "old jobs' removal")

    def read(self) -> list[WrittenJob]:
        """Every job that has not ended, in the order in which they are to begin, and the last ones that have.

        What cannot be read is removed, and :attr:`notices` says so; a job of no use to anybody must not be found
        again at every start.
        """
        found: list[WrittenJob] = []

        def read_all(table: JournalTable) -> None:
            rows = table.rows()
            over = [row for row in rows if row.state != "waiting"]
            useless = [row.id for row in over[: max(0, len(over) - ENDED_KEPT)]]
            lost = 0
            for row in rows:
                if row.id not in useless:
                    try:
                        request = read_request(row.request, table.given(row.id))
                        found.append(WrittenJob(row, request, table.pictures(row.id)))
                    except InvalidRequest as error:
                        log.warning("A job in the journal cannot be read: %s", error)
                        useless.append(row.id)
                        lost += row.state == "waiting"
            table.write([("DELETE FROM jobs WHERE id = ?", (job_id,)) for job_id in useless])
            if lost:
                self._notices.append(f"Of the waiting jobs, {lost} could not be read back; ask for them again.")

        self._attempt(read_all, "its jobs")
        return found

    def follow(self, job: Job) -> None:
        """Knows a job, so that it is written down again should the file have to be made anew."""
        self._live[job.id] = job

    # ---- inside

    def _write(self, statements: Sequence[Statement], what: str) -> None:
        self._attempt(lambda table: table.write(statements), what)

    def _attempt(self, work: Callable[[JournalTable], None], what: str) -> bool:
        """Does something with the table; one that proves damaged is made anew from the jobs at hand first."""
        with self._lock:
            if self._table is None:
                return False
            try:
                try:
                    self._find_again()
                    if self._table is not None:
                        work(self._table)
                except DamagedIndex as error:
                    log.warning("The journal is damaged: %s", error)
                    self._make_anew()
                    if self._table is not None:
                        work(self._table)
            except (DamagedIndex, sqlite3.Error) as error:
                log.warning("The journal could not take %s: %s", what, error)
                return False
            return self._table is not None

    def _find_again(self) -> None:
        """Somebody who tidies up may take the journal away while the studio runs: an open file would go on, unseen."""
        if has_gone(self._path):
            log.warning("The journal has gone; it is written anew.")
            with suppress(OSError):
                self._path.parent.mkdir(parents=True, exist_ok=True)
            self._notices.append("The journal of the waiting jobs was removed while the studio ran; it was made anew.")
            self._write_anew()

    def _make_anew(self) -> None:
        if self._table is not None:
            self._table.close()  # Windows renames no open file
        set_aside(self._path, "The journal of the waiting jobs was damaged", self._notices.append)
        self._write_anew()

    def _write_anew(self) -> None:
        if self._table is not None:
            self._table.close()
        self._table = table = self._open()
        if table is not None:
            for job in list(self._live.values()):
                table.add(*_entry(job))

    def _open(self) -> JournalTable | None:
        for _ in range(2):
            try:
                return JournalTable(self._path)
            except DamagedIndex as error:
                log.warning("The journal is damaged: %s", error)
                set_aside(self._path, "The journal of the waiting jobs was damaged", self._notices.append)
            except sqlite3.Error as error:
                log.warning("The journal cannot be used: %s", error)
                break
        self._notices.append(
            "The journal of the waiting jobs cannot be written, or another studio uses the same outputs folder; "
            "jobs do not survive a restart."
        )
        return None


def _entry(job: Job) -> tuple[JobRow, dict[str, bytes], dict[int, str | None]]:
    text, given = write_request(job.request)
    row = JobRow(
        id=job.id,
        owner=job.owner,
        request=text,
        parent=job.origin.parent,
        edit=job.origin.edit,
        style=job.origin.style,
        submitted=(job.submitted - EPOCH) // timedelta(microseconds=1),
        first_seed=job.seeds[0],
        paused=int(job.paused),
    )
    kept: dict[int, str | None] = {index: saved.id for index, saved in job.made.items() if saved.path is not None}
    return row, given, dict.fromkeys(job.skipped) | kept
