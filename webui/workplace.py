"""Jobs at work, each on a thread of its own: begun in turn, standing aside for others, put away in the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from .floor import Floor
from .job import Job
from .journal import Journal
from .library.picture import SavedPicture
from .registry import Registry
from .restoring import Find, restore
from .room import QueueFull, Room
from .runner import BackEnd, Keep, Runner

MOST_LEAVING: Final = 32
"""Stopped jobs whose model is still being loaded, and whose places others have taken meanwhile."""


class Workplace:
    """What the queue's wishes work on; whoever reads or moves jobs holds ``lock``.

    Args:
        back_end: Makes the pictures.
        keep: Stores a finished one.
        journal: Where jobs are written down; None = nowhere.
        workers: Jobs at work at once.
        room: How much may wait.
        registry: Where jobs are found.
        started: Whether anything begins before :meth:`start`.

    Attributes:
        lock: Held by whoever looks at or changes what is below.
        floor: Who is at work, and who waits.
        registry: As given.
        room: As given.
    """

    def __init__(
        self,
        back_end: BackEnd,
        keep: Keep,
        journal: Journal | None,
        *,
        workers: int,
        room: Room,
        registry: Registry,
        started: bool,
    ) -> None:
        self.lock = threading.RLock()
        self.room, self.registry = room, registry
        self._journal = journal
        self._runner = Runner(back_end, keep, self._kept)
        self.floor = Floor(workers, may_interrupt=self._runner.heeds, fits=self._runner.fits)
        self._threads: dict[Job, threading.Thread] = {}
        self._forgotten: list[Job] = []  # by the registry, and not by the journal yet
        self._started, self._closed = started, False

    @property
    def notices(self) -> tuple[str, ...]:
        """What the journal has to say."""
        return self._journal.notices if self._journal is not None else ()

    def note(self, entry: Callable[[Journal], object]) -> None:
        """Writes something into the journal; call it without the lock, since a disk may be slow."""
        if self._journal is not None:
            with self.lock:
                forgotten, self._forgotten = self._forgotten, []
            self._journal.forget(forgotten)
            entry(self._journal)

    def take_in(self, job: Job) -> Job:
        """Writes a job down and lets it wait for its turn.

        Raises:
            QueueFull: Too much is waiting already, or the studio is about to end.
        """
        with self.lock:
            self._check(job)
        if self._journal is not None and (notice := self._journal.add(job)) is not None:
            job.add_notices(notice)
        try:
            with self.lock:
                self._check(job)
                self.registry.add(job)
                self.floor.add(job)
                self.start()
        except QueueFull:
            self.note(lambda journal: journal.forget([job]))
            raise
        return job

    def read_back(self, find: Find) -> None:
        """Takes in the journal's jobs as they were, in their order."""
        with self.lock:
            for job in restore(self._journal, find) if self._journal is not None else ():
                self.registry.add(job)
                if job.ended:
                    self._retire(job)
                else:
                    self.floor.add(job)
            self.fill()

    def start(self) -> int:
        """Begins with what is waiting, and tells how many jobs that is."""
        with self.lock:
            waiting = len(self.floor.line)
            self._started = True
            self.fill()
            return waiting

    def fill(self) -> None:
        """Gives free places to those whose turn it is, and says everybody's place; the lock is held."""
        while self._started and not self._closed and (move := self.floor.next_move()) is not None:
            job, comes = move
            if not comes or job.begun:
                job.hold(still=not comes)
            else:
                self._begin(job)
        for place, job in enumerate(self.floor.line.in_order(), start=1):
            job.move_to(place)

    def stop(self, job: Job) -> None:
        """Stops a job, a waiting one now, a begun one within its step; the lock is held."""
        if not job.begun:
            self.put_away(job)
            return
        job.ask_to_stop()
        leaving = sum(one.ended and thread.is_alive() for one, thread in self._threads.items())
        loading = job.ended and self._runner.heeds  # it has nothing to stop yet, and need not keep others waiting
        if job.still or (loading and leaving <= MOST_LEAVING):
            self.floor.drop(job)
            self.fill()

    def put_away(self, job: Job) -> None:
        """Ends a job that was never begun: somebody stopped it, or skipped all it had to make; the lock is held."""
        self.floor.drop(job)
        job.end("finished" if job.made and not job.wanted else "cancelled")
        self._retire(job)
        self.fill()

    def close(self, timeout: float) -> None:
        """Stops everything and waits for its steps to end; in the journal the jobs stay what they are."""
        with self.lock:
            self._closed = True
            for job in self.floor.line.all():
                if not job.begun:
                    self.floor.drop(job)
                    job.end("cancelled")
                    self._retire(job)
            for job in self._threads:
                job.ask_to_stop()
            threads = list(self._threads.values())
        deadline = time.monotonic() + timeout
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))
        self.note(Journal.close)

    # ---- inside

    def _check(self, job: Job) -> None:
        if self._closed:
            raise QueueFull("The studio is shutting down; try again when it is back.")
        self.room.check(job, self.floor)

    def _begin(self, job: Job) -> None:
        job.begin()
        self._threads = {one: thread for one, thread in self._threads.items() if thread.is_alive()}
        thread = threading.Thread(target=self._work, args=(job,), name=f"reverie-job-{job.id[:8]}", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self.floor.drop(job)
            job.end("failed", "The studio could not start another thread; wait until others are done, and try again.")
            self._retire(job)
        else:
            self._threads[job] = thread

    def _work(self, job: Job) -> None:
        self.note(lambda journal: journal.begun(job))
        state, error = self._runner.run(job)
        if not (self._closed and state == "cancelled"):  # what the studio's end cuts short goes on at its next start
            self.note(lambda journal: journal.ended(job, state, error))
        with self.lock:
            self.floor.drop(job)
            job.end(state, error)
            self._retire(job)
            self.fill()

    def _retire(self, job: Job) -> None:
        self._forgotten += self.registry.retire(job)

    def _kept(self, job: Job, index: int, saved: SavedPicture) -> None:
        self.note(lambda journal: journal.made(job, index, saved.id))
