"""Jobs from the journal as they go on after a restart, with the pictures that the library has of them."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Final

from .job import Job
from .job_pictures import picture_id
from .journal import Journal, WrittenJob
from .library.catalog import EPOCH
from .library.owner_hash import OwnerKey
from .library.picture import SavedPicture
from .origin import Origin

log = logging.getLogger(__name__)

Find = Callable[[str, str], SavedPicture | None]
"""Gives an owner's picture by its id."""

LIVES: Final = 3
"""How often the studio may end in the midst of a job's picture before the job is not begun by itself any more."""

SUSPECTED: Final = "The studio ended several times while this was made, so it waits until you resume it."


def restore(journal: Journal, find: Find) -> Iterator[Job]:
    """Gives every job of the journal: those that have ended, ended; the others ready to wait in their old order.

    Args:
        journal: What was written down.
        find: Looks in the library.
    """
    for written in journal.read():
        job = _job(written, find)
        row = written.row
        if row.state != "waiting":
            job.end("cancelled" if row.state == "cancelled" else "failed" if row.error else "finished", row.error)
        elif not job.wanted:  # killed between its last picture and its end
            job.end("finished" if job.made else "cancelled")
            journal.ended(job, job.view().state)
        else:
            journal.follow(job)
            if row.paused or row.starts >= LIVES:
                job.pause(paused=True)
                journal.paused(job)
            if row.starts >= LIVES:
                log.warning("Job %s was begun %d times without a picture; it is paused.", job.id, row.starts)
                job.add_notices(SUSPECTED)
        yield job


def _job(written: WrittenJob, find: Find) -> Job:
    row, owner = written.row, OwnerKey(written.row.owner)
    made: dict[int, SavedPicture] = {}
    for index in range(written.request.num_images_per_prompt):
        with suppress(sqlite3.Error):
            saved = find(owner, written.pictures.get(index) or picture_id(row.id, index))
            if saved is not None:
                made[index] = saved
    return Job(
        owner,
        written.request,
        Origin(row.parent, row.edit, row.style),
        job_id=row.id,
        first_seed=row.first_seed,
        submitted=EPOCH + timedelta(microseconds=row.submitted),
        made=made,
        skipped=written.pictures.keys() - made.keys(),  # those removed since are not wanted again
    )
