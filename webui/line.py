"""Who is next: owners take turns, each owner's jobs stay in the order that owner likes.

Round-robin, where a running job counts as its owner's turn: so somebody new waits for nobody's second job,
however many were handed in before, and leaving the line and coming back gains nothing.
"""

from __future__ import annotations

from collections import Counter

from .job import Job


class Line:
    """The waiting jobs. Not safe to share between threads by itself; the queue's lock guards it."""

    def __init__(self) -> None:
        self._jobs: dict[str, list[Job]] = {}  # by owner, only owners with something waiting
        self._since: dict[str, int] = {}  # when each of these owners began to wait for their turn
        self._running: Counter[str] = Counter()
        self._moment = 0

    def __len__(self) -> int:
        return sum(map(len, self._jobs.values()))

    def __contains__(self, job: Job) -> bool:
        return job in self._jobs.get(job.owner, ())

    def count(self, owner: str) -> int:
        """How many jobs of one owner wait."""
        return len(self._jobs.get(owner, ()))

    def of(self, owner: str) -> tuple[Job, ...]:
        """One owner's jobs in their order, those included that are paused."""
        return tuple(self._jobs.get(owner, ()))

    def all(self) -> list[Job]:
        """Everybody's jobs, those included that are paused."""
        return [job for jobs in self._jobs.values() for job in jobs]

    def add(self, job: Job, *, first: bool = False) -> None:
        """Puts a job behind its owner's others, or before them."""
        if job.owner not in self._jobs:
            self._since[job.owner] = self._now()
        mine = self._jobs.setdefault(job.owner, [])
        mine.insert(0 if first else len(mine), job)

    def move(self, job: Job, to: int) -> None:
        """Puts a job that is in the line at another place among its owner's, counted from 0."""
        mine = self._jobs[job.owner]
        mine.remove(job)
        mine.insert(max(0, to), job)

    def remove(self, job: Job) -> None:
        """Takes a waiting job out; it does not count as its owner's turn."""
        self._jobs[job.owner].remove(job)
        if not self._jobs[job.owner]:
            del self._jobs[job.owner], self._since[job.owner]

    def take(self) -> Job:
        """Takes out the job that is next; tell :meth:`done` when it has ended."""
        job = self.in_order()[0]
        self.remove(job)
        self._running[job.owner] += 1
        return job

    def done(self, job: Job) -> None:
        """Ends the turn of a job's owner, who from now on waits for the next one."""
        self._running[job.owner] -= 1
        if not self._running[job.owner]:
            del self._running[job.owner]
        if job.owner in self._since:
            self._since[job.owner] = self._now()

    def in_order(self) -> list[Job]:
        """All jobs that may begin, in the order in which they will if nobody else comes."""
        keyed = [
            (turn + self._running.get(owner, 0), turn, self._since[owner], job)
            for owner, jobs in self._jobs.items()
            for turn, job in enumerate(job for job in jobs if not job.paused)
        ]
        return [entry[-1] for entry in sorted(keyed, key=lambda entry: entry[:-1])]

    def _now(self) -> int:
        self._moment += 1
        return self._moment
