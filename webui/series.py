"""Series: several requests made one after another, each an ordinary job of one owner in the queue.

What a series makes is decided by its :class:`Plan`, which is asked for one request after the other and sees what came
before: a grid knows all of its requests, loopback begins each with the picture before. A series lives in the studio,
not in a page; where the studio ends, the job at hand goes on at its next start, and what was made is in the library.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pipelines.errors import ReverieError

from .library.picture import SavedPicture
from .room import QueueFull
from .series_plans import ListPlan, Made, Plan

if TYPE_CHECKING:
    from .job import Job
    from .jobs import JobQueue

__all__ = ["AllSeries", "ListPlan", "Made", "Plan", "Series", "SeriesView"]

log = logging.getLogger(__name__)

SeriesState = Literal["running", "finished", "stopped", "failed"]

MOST_RUNNING: Final = 4
"""Series one owner may have at once; each has a job in the queue."""

PATIENCE: Final = 1.0
"""Seconds after which a queue that was full is asked again."""

ENDED_KEPT: Final = 20
"""Series of an owner that have ended and are still told of."""


@dataclass(frozen=True, slots=True)
class SeriesView:
    """A series at one moment.

    Attributes:
        id: 32 hexadecimal digits.
        kind: As its plan's.
        state: The last three are final.
        number: Which job it is at, from 1.
        count: How many it comes to.
        job: Id of the job at hand.
        notice: A sentence for its owner: why it failed, or what its end has to say.
    """

    id: str
    kind: str
    state: SeriesState
    number: int
    count: int
    job: str
    notice: str | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more comes."""
        return self.state != "running"


class Series:
    """One series on its way, driven by a thread of its own; made by :meth:`AllSeries.start`.

    Args:
        owner: The owner's token.
        plan: What to make.
        queue: Where its jobs go.
    """

    def __init__(self, owner: str, plan: Plan, queue: JobQueue) -> None:
        self.id = secrets.token_hex(16)
        self.owner, self._plan, self._queue = owner, plan, queue
        self._lock, self._stop, self._closed = threading.Lock(), threading.Event(), False
        self._made: list[tuple[SavedPicture, ...]] = []
        self._state: SeriesState = "running"
        self._notice: str | None = None
        self._job: Job | None = None

    def view(self) -> SeriesView:
        """The series as it is now."""
        with self._lock:
            number = min(len(self._made) + 1, self._plan.count)
            job = self._job.id if self._job is not None else ""
            return SeriesView(self.id, self._plan.kind, self._state, number, self._plan.count, job, self._notice)

    def stop(self, *, closing: bool = False) -> None:
        """Ends it; the job at hand is stopped within its step. Never waits.

        Args:
            closing: The studio ends: the job at hand is left to the queue, and nothing is finished.
        """
        with self._lock:
            self._closed = self._closed or closing
            self._stop.set()
            job = self._job
        if job is not None and not closing:
            self._queue.cancel(self.owner, job.id)

    def begin(self) -> Job:
        """Hands the first job in, and leaves the rest to a thread.

        Raises:
            ReverieError: It cannot be made, or too much waits already.
        """
        first = self._submit()
        if first is None:
            raise ReverieError("The series has nothing to make.")
        threading.Thread(target=self._drive, name=f"reverie-series-{self.id[:8]}", daemon=True).start()
        return first

    # ---- on its own thread

    def _drive(self) -> None:
        try:
            while self._watch() and self._next():
                pass
            self._end()
        except ReverieError as error:
            self._settle("failed", str(error))
        except Exception as error:
            log.exception("Series %s failed unexpectedly", self.id)
            self._settle("failed", f"Something went wrong in the studio ({type(error).__name__}); its log says what.")

    def _watch(self) -> bool:
        """Waits for the job at hand; tells whether more may come."""
        assert self._job is not None
        view = self._job.view()
        while not view.ended:
            view = self._job.wait_for_change(view.version)
        made = self._job.made
        with self._lock:
            self._made.append(tuple(made[index] for index in sorted(made)))
            if view.state == "cancelled":
                self._stop.set()
        return not self._stop.is_set()

    def _next(self) -> bool:
        """Hands the next job in as soon as there is room; tells whether there was one."""
        while not self._stop.is_set():
            try:
                return self._submit() is not None
            except QueueFull:
                self._stop.wait(PATIENCE)
        return False

    def _submit(self) -> Job | None:
        request = self._plan.next_request(tuple(self._made))
        if request is None:
            return None
        number = len(self._made) + 1
        edit = f"{self._plan.kind} {number}/{self._plan.count}"
        job = self._queue.submit(self.owner, request, self._plan.origin(tuple(self._made))._replace(edit=edit))
        with self._lock:
            self._job = job
            stopped = self._stop.is_set() and not self._closed
        if stopped:  # while it was on its way
            self._queue.cancel(self.owner, job.id)
        return job

    def _end(self) -> None:
        if self._closed:
            self._settle("stopped", None)
            return
        notice = self._plan.finish(self.owner, tuple(self._made))
        self._settle("stopped" if self._stop.is_set() else "finished", notice)

    def _settle(self, state: SeriesState, notice: str | None) -> None:
        with self._lock:
            self._state, self._notice = state, notice


class AllSeries:
    """Everybody's series, each known to its owner only; safe to use from many threads.

    Args:
        queue: Where their jobs go.
        owner_key: Turns an owner's token into what is kept of it; leaves that as it is.
    """

    def __init__(self, queue: JobQueue, owner_key: Callable[[str], str] = str) -> None:
        self._queue, self._owner_key = queue, owner_key
        self._lock = threading.Lock()
        self._of: dict[str, list[Series]] = {}

    def start(self, owner: str, plan: Plan) -> Job:
        """Begins a series and returns its first job, which is in the queue by then.

        Raises:
            QueueFull: The owner has too many series, or too much waits already.
            ReverieError: The first request cannot be made.
        """
        owner = self._owner_key(owner)
        series = Series(owner, plan, self._queue)
        with self._lock:
            mine = self._of.setdefault(owner, [])
            if sum(not one.view().ended for one in mine) >= MOST_RUNNING:
                raise QueueFull(f"You have {MOST_RUNNING} series going on, the most there can be; stop one, or wait.")
            mine.append(series)
        try:
            return series.begin()
        except BaseException:
            with self._lock:
                mine.remove(series)
            raise
        finally:
            self._forget(owner)

    def of(self, owner: str) -> tuple[SeriesView, ...]:
        """The owner's series, oldest first: those that go on, and the last that ended."""
        with self._lock:
            return tuple(series.view() for series in self._of.get(self._owner_key(owner), ()))

    def stop(self, owner: str, series_id: str) -> bool:
        """Ends one of the owner's series; tells whether there was something to end."""
        with self._lock:
            mine = list(self._of.get(self._owner_key(owner), ()))
        found = next((one for one in mine if one.id == series_id and not one.view().ended), None)
        if found is not None:
            found.stop()
        return found is not None

    def close(self) -> None:
        """Begins nothing more; call it before the queue is closed."""
        with self._lock:
            everybody = [one for mine in self._of.values() for one in mine]
        for series in everybody:
            series.stop(closing=True)

    def _forget(self, owner: str) -> None:
        with self._lock:
            mine = self._of.get(owner, [])
            ended = [one for one in mine if one.view().ended]
            for old in ended[: max(0, len(ended) - ENDED_KEPT)]:
                mine.remove(old)
            if not mine:
                self._of.pop(owner, None)
