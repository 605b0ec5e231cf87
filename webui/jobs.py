"""The job queue: runs everybody's requests, on threads of its own, whether or not anybody watches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pipelines.errors import ReverieError
from pipelines.request import GenerationRequest

from .job import Job
from .journal import Journal
from .origin import Origin
from .registry import Registry
from .restoring import Find
from .room import QueueFull, Room
from .runner import BackEnd, Keep
from .workplace import Workplace

__all__ = ["BackEnd", "JobQueue", "NoSuchJob", "QueueFull"]


class NoSuchJob(ReverieError):
    """A job that the owner does not have, or not in a state in which this can be done with it."""


class JobQueue:
    """Everybody's jobs, each known to its owner only; safe to use from many threads.

    Args:
        back_end: Makes the pictures.
        keep: Stores a finished picture, on the thread that runs the job; when it raises, the picture is
            delivered unsaved.
        workers: Jobs at work at once. Where all are taken and one owner has several, that owner's newest stands
            still for a newcomer's first, if the back end takes a control.
        journal: Where jobs are written down before they are acknowledged, and read back from; closed with the
            queue. None = a restart forgets them.
        find: Gives an owner's picture by its id, for jobs read back.
        owner_key: Turns an owner's token into what is kept of it; leaves that as it is.
        waiting_per_owner: Most jobs one owner may have waiting.
        waiting_in_all: Most jobs that may wait.
        waiting_bytes: Most memory that the pictures given with waiting jobs may take.
        kept_per_owner: Ended jobs an owner can still look at.
        kept_bytes: Memory all ended jobs may take; the oldest go first.
        started: Whether jobs read back begin now; else with :meth:`start` or the first :meth:`submit`.
    """

    def __init__(
        self,
        back_end: BackEnd,
        keep: Keep,
        *,
        workers: int = 1,
        journal: Journal | None = None,
        find: Find = lambda _owner, _picture_id: None,
        owner_key: Callable[[str], str] = str,
        waiting_per_owner: int = 20,
        waiting_in_all: int = 500,
        waiting_bytes: int = 1 << 30,
        kept_per_owner: int = 50,
        kept_bytes: int = 1 << 28,
        started: bool = True,
    ) -> None:
        self._owner_key = owner_key
        self._work = Workplace(
            back_end,
            keep,
            journal,
            workers=workers,
            room=Room(waiting_per_owner, waiting_in_all, waiting_bytes),
            registry=Registry(kept_per_owner, kept_bytes),
            started=started,
        )
        self._work.read_back(find)

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences of the journal for whoever runs the studio."""
        return self._work.notices

    def start(self) -> int:
        """Lets the jobs begin that were read back from the journal, and tells how many wait."""
        return self._work.start()

    def submit(self, owner: str, request: GenerationRequest, origin: Origin = Origin()) -> Job:  # noqa: B008
        """Takes a request in and returns once it is written down; from then on it survives a restart.

        Args:
            owner: The owner's token.
            request: What to make.
            origin: Where the request comes from; every picture's recipe tells it.

        Raises:
            QueueFull: Too much is waiting already, or the queue is closed.
        """
        return self._work.take_in(Job(self._owner_key(owner), request, origin))

    def retry(self, owner: str, job_id: str) -> Job:
        """Asks again for what an ended job did not make, with the same seeds; where nothing is missing, for all.

        Raises:
            NoSuchJob: The owner has no such job, or it has not ended.
            QueueFull: As for :meth:`submit`.
        """
        old = self.get(owner, job_id)
        if old is None:
            raise NoSuchJob("There is no such job any more; ask for its pictures again.")
        if not old.ended:
            raise NoSuchJob("This job has not ended; stop it first, or let it come to its end.")
        made = old.made
        if len(made) == len(old.seeds):
            return self._work.take_in(Job(old.owner, old.request, old.origin))
        return self._work.take_in(Job(old.owner, old.request, old.origin, first_seed=old.seeds[0], made=made))

    def get(self, owner: str, job_id: str) -> Job | None:
        """The owner's job by that id, or None; other people's jobs do not exist."""
        with self._work.lock:
            return self._work.registry.get(self._owner_key(owner), job_id)

    def jobs(self, owner: str) -> tuple[Job, ...]:
        """The owner's jobs, newest first: all that wait or run, and the last that ended."""
        with self._work.lock:
            return self._work.registry.of(self._owner_key(owner))

    def cancel(self, owner: str, job_id: str) -> bool:
        """Stops a job: a waiting one now, a running one before its next step. Never waits for it.

        Returns:
            Whether there was something to stop.
        """
        with self._work.lock:
            job = self._active(owner, job_id)
            if job is None:
                return False
            self._work.stop(job)
        self._work.note(lambda journal: journal.ended(job, "cancelled"))  # also should the studio die before the job
        self._note_end(job)
        return True

    def skip(self, owner: str, job_id: str, index: int | None = None) -> bool:
        """Leaves one picture of a job out and goes on with the others, within one step.

        Args:
            owner: The owner's token.
            job_id: Which job.
            index: Which picture, from 0; None = the first that is neither finished nor skipped.

        Returns:
            Whether there was such a picture still to be made.
        """
        with self._work.lock:
            job = self._active(owner, job_id)
            wanted = job.wanted if job is not None else frozenset()
            number = min(wanted, default=-1) if index is None else index
            if job is None or number not in wanted:
                return False
            job.skip(number)
            if not job.wanted and not job.begun:
                self._work.put_away(job)
        self._work.note(lambda journal: journal.skipped(job, number))
        self._note_end(job)
        return True

    def pause(self, owner: str, job_id: str) -> bool:
        """Lets a job stand still after the step it is in, or not begin; its place goes to others.

        Returns:
            Whether there was something to pause.

        Raises:
            QueueFull: Too many jobs stand still half made.
        """
        with self._work.lock:
            job = self._active(owner, job_id)
            if job is None or job.paused or job.stopping:
                return False
            if job.begun:
                self._work.room.check_pause(job, self._work.floor)
                self._work.floor.pause(job)
                job.hold(still=True)
            job.pause(paused=True)
            job.move_to(0)
            self._work.fill()
        self._work.note(lambda journal: journal.paused(job))
        return True

    def resume(self, owner: str, job_id: str) -> bool:
        """Lets a paused job go on when it is its turn; a begun one is its owner's next.

        Returns:
            Whether there was something to resume.
        """
        with self._work.lock:
            job = self._active(owner, job_id)
            if job is None or not job.paused or job.stopping:
                return False
            job.pause(paused=False)
            if job.begun:
                self._work.floor.resume(job)
            self._work.fill()
        self._work.note(lambda journal: journal.paused(job))
        return True

    def reorder(self, owner: str, job_id: str, to: Literal["front", "back"] | int) -> bool:
        """Moves a waiting job among its owner's; nobody else's turn changes.

        Args:
            owner: The owner's token.
            job_id: Which job.
            to: ``front``, ``back``, or its index among the owner's waiting jobs, from 0.

        Returns:
            Whether it was waiting.
        """
        with self._work.lock:
            job, line = self._active(owner, job_id), self._work.floor.line
            if job is None or job not in line:
                return False
            line.move(job, to if isinstance(to, int) else {"front": 0, "back": line.count(job.owner)}[to])
            order = line.of(job.owner)
            self._work.fill()
        self._work.note(lambda journal: journal.ordered(order))
        return True

    def close(self, timeout: float = 10.0) -> None:
        """Stops everything, and waits ``timeout`` seconds at most for steps to end; the journal keeps the jobs."""
        self._work.close(timeout)

    def _active(self, owner: str, job_id: str) -> Job | None:
        job = self.get(owner, job_id)
        return None if job is None or job.ended else job

    def _note_end(self, job: Job) -> None:
        """Writes a job's end down where it has ended by now."""
        if job.ended:
            view = job.view()
            self._work.note(lambda journal: journal.ended(job, view.state, view.error))
