"""Has the back end make a job's pictures, whatever it can do, and hands each to the library."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

from pipelines.control import Control
from pipelines.errors import Cancelled, ReverieError
from pipelines.events import GenerationEvent, GenerationFinished, GenerationStarted, ImageFinished
from pipelines.request import GenerationRequest
from pipelines.seeds import portion_of

from .job import Job
from .job_view import JobState
from .library.picture import SavedPicture, unsaved_picture

log = logging.getLogger(__name__)

NOT_KEPT: Final = "This picture could not be put into the library; download it before you leave the page."

Keep = Callable[[Job, ImageFinished], SavedPicture]


class BackEnd(Protocol):
    """Anything that makes pictures: the manager of this process, a worker elsewhere, a cluster.

    Its ``generate`` may take ``owner`` and ``control`` besides, as the manager's does. One that takes no control is
    closed when its job is paused, and asked for the unfinished pictures again when the job goes on; a skipped
    picture of its is thrown away. It may have ``fits(requests)``, too, which tells whether memory suffices for them
    together.
    """

    def generate(self, request: GenerationRequest) -> Iterator[GenerationEvent]:
        """Reports the making of a request's pictures; closing the iterator cancels before the next step."""
        ...


class Runner:
    """Runs jobs, each on the thread that asks for it.

    Args:
        back_end: Makes the pictures.
        keep: Stores a finished one; when it raises, the picture is delivered unsaved.
        kept: Told of each picture that the library has taken.

    Attributes:
        heeds: Whether the back end can skip and stand still by itself.
    """

    def __init__(self, back_end: BackEnd, keep: Keep, kept: Callable[[Job, int, SavedPicture], None]) -> None:
        self._back_end, self._keep, self._kept = back_end, keep, kept
        taken = inspect.signature(back_end.generate).parameters
        self._names_owner, self.heeds = "owner" in taken, "control" in taken

    def fits(self, jobs: Sequence[Job]) -> bool:
        """Whether the back end has memory for these jobs together; one that cannot tell is asked for all at once."""
        ask = getattr(self._back_end, "fits", None)
        try:
            return ask is None or bool(ask([job.request for job in jobs]))
        except ReverieError:
            return True  # what is wrong with a request is told when it is made

    def run(self, job: Job) -> tuple[JobState, str | None]:
        """Makes a job's pictures; whatever goes wrong, it says how the job ended and never raises."""
        undelivered: frozenset[int] = frozenset()
        try:
            while wanted := job.wanted - undelivered:
                job.wait_to_go_on()
                if job.stopping:
                    return "cancelled", None
                portion = first_portion(wanted)
                if self._make(job, portion):
                    undelivered |= job.wanted & frozenset(portion)
            return ("finished" if job.made or undelivered else "cancelled"), None
        except Cancelled:
            return "cancelled", None
        except ReverieError as error:
            log.info("Job %s failed: %s", job.id, error)
            return "failed", str(error)
        except BaseException as error:  # even SystemExit: the queue must go on for everybody else
            log.exception("Job %s failed unexpectedly", job.id)
            return "failed", f"Something went wrong in the studio ({type(error).__name__}); its log says what."

    def _make(self, job: Job, portion: range) -> bool:
        """Makes some of a job's pictures; tells whether the back end came to its own end.

        Raises:
            Cancelled: The job was asked to stop.
        """
        control, events = Control(job.record_loading), None
        job.steer(control, portion)
        try:
            events = self._generate(job, portion_of(job.request, job.seeds[portion.start], portion), control)
            for event in events:
                self._take(job, event, portion)
                if isinstance(event, GenerationFinished):
                    continue
                if job.stopping and job.wanted:
                    raise Cancelled("The job was stopped.")
                if not self.heeds and _in_vain(job, portion):
                    return False
            return True
        except Cancelled:
            if job.stopping or job.skipped.isdisjoint(portion):
                raise
            return False  # a skip has stopped more than its picture: the others are asked for again
        finally:
            if events is not None:
                _close(events)

    def _generate(self, job: Job, request: GenerationRequest, control: Control) -> Iterator[GenerationEvent]:
        more: dict[str, Any] = {}
        if self._names_owner:
            more["owner"] = job.owner
        if self.heeds:
            more["control"] = control
        return self._back_end.generate(request, **more)

    def _take(self, job: Job, event: GenerationEvent, portion: range) -> None:
        """Writes an event down, counting the pictures as the job does."""
        if isinstance(event, GenerationStarted):
            job.record_start(event, portion)
        elif isinstance(event, GenerationFinished):
            job.record(event)
        else:
            event = replace(event, index=event.index + portion.start)
            if not isinstance(event, ImageFinished):
                job.record(event)
            elif event.index not in job.skipped:
                saved = self._stored(job, event)
                job.record_picture(event, saved)

    def _stored(self, job: Job, event: ImageFinished) -> SavedPicture:
        try:
            saved = self._keep(job, event)
        except Exception:
            log.exception("The library could not keep picture %d of job %s", event.index, job.id)
            return unsaved_picture(job.request, event, notice=NOT_KEPT)
        if saved.path is not None:
            self._kept(job, event.index, saved)
        return saved


def first_portion(wanted: Collection[int]) -> range:
    """The first indices that follow each other without a gap; ``wanted`` is not empty."""
    start = stop = min(wanted)
    while stop in wanted:
        stop += 1
    return range(start, stop)


def _in_vain(job: Job, portion: range) -> bool:
    """Whether a back end that hears no wishes had better be closed: nothing is wanted of it, or not now."""
    if job.wanted.isdisjoint(portion):
        return not job.skipped.isdisjoint(portion)
    return job.still


def _close(events: Iterator[GenerationEvent]) -> None:
    """Ends a run by closing its iterator, where it can be closed; that must not bring the queue down."""
    try:
        getattr(events, "close", lambda: None)()
    except Exception:
        log.exception("A run could not be closed")
