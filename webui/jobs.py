"""The job queue: runs everybody's requests in turn, on threads of its own, whether or not anybody watches."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from pipelines.errors import Cancelled, ReverieError
from pipelines.events import GenerationEvent, GenerationFinished, ImageFinished
from pipelines.request import GenerationRequest

from .job import Job
from .job_view import JobState
from .library.picture import SavedPicture, unsaved_picture
from .line import Line

log = logging.getLogger(__name__)

NOT_KEPT: Final = "This picture could not be put into the library; download it before you leave the page."


class BackEnd(Protocol):
    """Anything that makes pictures: the manager of this process, a worker elsewhere, a cluster."""

    def generate(self, request: GenerationRequest) -> Iterator[GenerationEvent]:
        """Reports the making of a request's pictures; closing the iterator cancels before the next step."""
        ...


class QueueFull(ReverieError):
    """A job that cannot be taken in now; the sentence says what to wait for."""


class JobQueue:
    """Everybody's jobs, each known to its owner only; safe to use from many threads.

    Args:
        back_end: Makes the pictures.
        keep: Stores a finished picture, on the thread that runs the job; when it raises, the picture is
            delivered unsaved.
        workers: Jobs that run at once.
        waiting_per_owner: Most jobs one owner may have waiting.
        waiting_in_all: Most jobs that may wait.
        waiting_bytes: Most memory that the pictures given with waiting jobs may take.
        kept_per_owner: Ended jobs an owner can still look at.
        kept_bytes: Memory all ended jobs may take; the oldest go first.
    """

    def __init__(
        self,
        back_end: BackEnd,
        keep: Callable[[Job, ImageFinished], SavedPicture],
        *,
        workers: int = 1,
        waiting_per_owner: int = 20,
        waiting_in_all: int = 500,
        waiting_bytes: int = 1 << 30,
        kept_per_owner: int = 50,
        kept_bytes: int = 1 << 28,
    ) -> None:
        self._back_end, self._keep = back_end, keep
        self._waiting_per_owner, self._waiting_in_all = waiting_per_owner, waiting_in_all
        self._waiting_bytes = waiting_bytes
        self._kept_per_owner, self._kept_bytes = kept_per_owner, kept_bytes
        self._lock = threading.Condition(threading.RLock())
        self._jobs: dict[str, dict[str, Job]] = {}  # owner → id → job, oldest first
        self._line = Line()
        self._running: set[Job] = set()
        self._ended: dict[str, tuple[Job, int]] = {}  # id → job and its weight, oldest first
        self._ended_bytes = 0
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"reverie-jobs-{number}", daemon=True) for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, owner: str, request: GenerationRequest, *, parent: str | None = None) -> Job:
        """Takes a request in and returns at once.

        Args:
            owner: The owner's token.
            request: What to make.
            parent: Id of the library picture it goes out from, if any.

        Raises:
            QueueFull: Too much is waiting already, or the queue is closed.
        """
        job = Job(owner, request, parent)
        with self._lock:
            self._check_room(owner, job)
            self._jobs.setdefault(owner, {})[job.id] = job
            self._line.add(job)
            self._say_places()
            self._lock.notify()
        return job

    def get(self, owner: str, job_id: str) -> Job | None:
        """The owner's job by that id, or None; other people's jobs do not exist."""
        with self._lock:
            return self._jobs.get(owner, {}).get(job_id)

    def jobs(self, owner: str) -> tuple[Job, ...]:
        """The owner's jobs, newest first: all that wait or run, and the last that ended."""
        with self._lock:
            return tuple(reversed(self._jobs.get(owner, {}).values()))

    def cancel(self, owner: str, job_id: str) -> bool:
        """Stops a job: a waiting one now, a running one before its next step. Never waits for it.

        Returns:
            Whether there was something to stop.
        """
        with self._lock:
            job = self.get(owner, job_id)
            if job is None or job.ended:
                return False
            if job in self._line:
                self._line.remove(job)
                job.end("cancelled")
                self._retire(job)
                self._say_places()
            else:
                job.ask_to_stop()
            return True

    def close(self, timeout: float = 10.0) -> None:
        """Cancels everything, and waits up to ``timeout`` seconds for each running job's next step."""
        with self._lock:
            self._closed = True
            for job in self._line.in_order():
                self._line.remove(job)
                job.end("cancelled")
                self._retire(job)
            for job in self._running:
                job.ask_to_stop()
            self._lock.notify_all()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout)

    # ---- called with the lock held

    def _check_room(self, owner: str, job: Job) -> None:
        if self._closed:
            raise QueueFull("The studio is shutting down; try again when it is back.")
        mine, everybody = self._line.count(owner), len(self._line)
        if mine >= self._waiting_per_owner:
            raise QueueFull(f"You have {mine} jobs waiting, the most there can be; cancel one, or wait a while.")
        if everybody >= self._waiting_in_all:
            raise QueueFull(f"The studio has {everybody} jobs waiting, the most there can be; wait a while.")
        weight = job.weight() + sum(other.weight() for other in self._line.in_order())
        if everybody and weight > self._waiting_bytes:
            raise QueueFull("The pictures of the waiting jobs fill the studio's memory; wait a while.")

    def _say_places(self) -> None:
        for place, job in enumerate(self._line.in_order(), start=1):
            job.move_to(place)

    def _retire(self, job: Job) -> None:
        """Remembers an ended job, and forgets the oldest ones beyond the limits."""
        self._ended[job.id] = (job, job.weight())
        self._ended_bytes += self._ended[job.id][1]
        mine = [one for one in self._jobs[job.owner].values() if one.id in self._ended]
        for old in mine[: max(0, len(mine) - self._kept_per_owner)]:
            self._forget(old)
        while self._ended_bytes > self._kept_bytes and len(self._ended) > 1:
            self._forget(next(iter(self._ended.values()))[0])

    def _forget(self, job: Job) -> None:
        self._ended_bytes -= self._ended.pop(job.id)[1]
        del self._jobs[job.owner][job.id]
        if not self._jobs[job.owner]:
            del self._jobs[job.owner]

    # ---- the worker threads

    def _work(self) -> None:
        while (job := self._take()) is not None:
            state, error = self._run(job)
            with self._lock:
                self._running.discard(job)
                self._line.done(job)
                job.end(state, error)
                self._say_places()
                self._retire(job)
            del job

    def _take(self) -> Job | None:
        """Waits for the next job in line and begins it; None once the queue is closed."""
        with self._lock:
            self._lock.wait_for(lambda: len(self._line) > 0 or self._closed)
            if self._closed:
                return None
            job = self._line.take()
            self._running.add(job)
            job.begin()
            self._say_places()
            return job

    def _run(self, job: Job) -> tuple[JobState, str | None]:
        """Makes a job's pictures; whatever goes wrong, it says how the job ended and never raises."""
        events: Iterator[GenerationEvent] | None = None
        try:
            events = self._back_end.generate(job.request)
            for event in events:
                if isinstance(event, ImageFinished):
                    job.record_picture(event, self._stored(job, event))
                else:
                    job.record(event)
                if job.stopping and not isinstance(event, GenerationFinished):
                    return "cancelled", None
            return "finished", None
        except Cancelled:
            return "cancelled", None
        except ReverieError as error:
            log.info("Job %s failed: %s", job.id, error)
            return "failed", str(error)
        except BaseException as error:  # even SystemExit: the queue must go on for everybody else
            log.exception("Job %s failed unexpectedly", job.id)
            return (
                "failed",
                f"Something went wrong in the studio ({type(error).__name__}); its log says what.",
            )
        finally:
            if events is not None:
                _close(events)

    def _stored(self, job: Job, event: ImageFinished) -> SavedPicture:
        try:
            return self._keep(job, event)
        except Exception:
            log.exception("The library could not keep picture %d of job %s", event.index, job.id)
            return unsaved_picture(job.request, event, notice=NOT_KEPT)


def _close(events: Iterator[GenerationEvent]) -> None:
    """Ends a run by closing its iterator, where it can be closed; that must not bring the queue down."""
    try:
        getattr(events, "close", lambda: None)()
    except Exception:
        log.exception("A run could not be closed")
