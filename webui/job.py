"""One job: somebody's request on its way to its pictures, as others may watch it."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from PIL import Image

from pipelines.events import GenerationEvent, GenerationStarted, ImageFinished, StepCompleted
from pipelines.request import GenerationRequest

from .changes import Changes
from .job_view import JobState, JobView, PictureView
from .library.picture import SavedPicture


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The job went over into another state."""

    state: JobState
    error: str | None = None


@dataclass(frozen=True, slots=True)
class PictureKept:
    """A finished picture was handed to the library."""

    index: int
    saved: SavedPicture


JobEvent = StateChanged | PictureKept | GenerationEvent


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One fact in a job's log: what, and when (timezone.utc)."""

    at: datetime
    event: JobEvent


class Job:
    """A request and everything that has happened to it; made by ``JobQueue.submit``.

    Anybody may read it from any thread; only the queue calls the methods under "for the queue".

    Attributes:
        id: 32 hexadecimal digits, not to be guessed.
        owner: The owner's secret token.
        request: What was asked for.
        parent: Id of the picture it was made from, or None.
        submitted: When, in UTC.
    """

    def __init__(self, owner: str, request: GenerationRequest, parent: str | None = None) -> None:
        self.id = secrets.token_hex(16)
        self.owner = owner
        self.request = request
        self.parent = parent
        self.submitted = datetime.now(timezone.utc)
        self._changes = Changes()
        self._log: list[LogEntry] = []
        self._state: JobState = "waiting"
        self._stopping = False
        self._place = 0
        self._notices: tuple[str, ...] = ()
        self._error: str | None = None
        self._pictures: list[PictureView] = []
        self._total_steps = 0
        self._began = self._ended = self._painting = self._last_step = 0.0
        self._append(StateChanged("waiting"))

    def __repr__(self) -> str:
        return f"<Job {self.id} {self._state}>"  # never the owner: reprs end up in logs

    def view(self) -> JobView:
        """The job as it is now."""
        with self._changes:
            now = self._ended or time.monotonic()
            return JobView(
                id=self.id,
                state=self._state,
                place=self._place,
                seeds=tuple(picture.seed for picture in self._pictures),
                total_steps=self._total_steps,
                notices=self._notices,
                error=self._error,
                seconds=now - self._began if self._began else 0.0,
                eta=self._eta(),
                version=self._changes.version,
                pictures=tuple(self._pictures),
                stopping=self._stopping and self._state == "running",
            )

    def wait_for_change(self, version: int, timeout: float | None = None) -> JobView:
        """Holds the calling thread until the job has changed since ``version``; returns the newest view.

        Args:
            version: The ``version`` of the view at hand.
            timeout: Seconds; the unchanged view is returned after them. None = no limit. A job that has ended
                never makes anybody wait.
        """
        self._changes.wait(version, timeout)
        return self.view()

    async def changed(self, version: int, timeout: float | None = None) -> JobView:
        """As :meth:`wait_for_change` for a coroutine: holds no thread while it waits."""
        await self._changes.changed(version, timeout)
        return self.view()

    def log(self, since: int = 0) -> tuple[LogEntry, ...]:
        """What has happened, oldest first, from entry number ``since``; without previews and pixels."""
        with self._changes:
            return tuple(self._log[since:])

    @property
    def stopping(self) -> bool:
        """Whether the job was asked to stop."""
        return self._stopping

    @property
    def ended(self) -> bool:
        """Whether the job is finished, failed or cancelled."""
        return bool(self._ended)

    def weight(self) -> int:
        """About how many bytes of memory the job holds."""
        with self._changes:
            fields = [getattr(self.request, name) for name in type(self.request).model_fields]
            pixels = sum(
                value.width * value.height * len(value.getbands()) for value in fields if isinstance(value, Image.Image)
            )
            unsaved = sum(len(picture.saved.image or b"") for picture in self._pictures if picture.saved)
            return 4096 + 256 * len(self._log) + pixels + unsaved

    # ---- for the queue

    def move_to(self, place: int) -> None:
        """Says the job's place among those waiting."""
        with self._changes:
            if place != self._place:
                self._place = place
                self._changes.announce()

    def begin(self) -> None:
        """Takes the job out of the waiting ones."""
        with self._changes:
            self._began, self._place = time.monotonic(), 0
            self._enter("running")

    def ask_to_stop(self) -> None:
        """Has the job end at its next event, or now where none has come yet and nothing can be lost."""
        with self._changes:
            if self._ended or self._stopping:
                return
            self._stopping = True
            if self._pictures:
                self._changes.announce()
            else:
                self.end("cancelled")

    def record(self, event: GenerationEvent) -> None:
        """Takes in what the back end reports; a finished picture comes through :meth:`record_picture`."""
        with self._changes:
            if self._ended:
                return
            if isinstance(event, GenerationStarted):
                self._painting = time.monotonic()
                self._total_steps = event.total_steps
                self._pictures = [PictureView(i, seed, 0, event.total_steps) for i, seed in enumerate(event.seeds)]
                self._add_notices(*event.notices)
            elif isinstance(event, StepCompleted):
                picture = self._pictures[event.index]
                preview = event.preview or picture.preview
                self._pictures[event.index] = replace(
                    picture, step=event.step, total_steps=event.total_steps, preview=preview
                )
                self._last_step = time.monotonic()
                event = replace(event, preview=None)
            self._append(event)

    def record_picture(self, event: ImageFinished, saved: SavedPicture) -> None:
        """Takes in a finished picture after the library has kept it."""
        with self._changes:
            if self._ended:
                return
            picture = self._pictures[event.index]
            self._pictures[event.index] = replace(picture, step=picture.total_steps, preview=None, saved=saved)
            self._add_notices(*([saved.notice] if saved.notice else []))
            self._append(PictureKept(event.index, saved))

    def end(self, state: JobState, error: str | None = None) -> None:
        """Ends the job for good; once it has ended this does nothing."""
        with self._changes:
            if self._ended:
                return
            self._ended = time.monotonic()
            self._place, self._error = 0, error
            self._pictures = [replace(picture, preview=None) for picture in self._pictures]
            self._enter(state)

    # ---- inside

    def _enter(self, state: JobState) -> None:
        self._state = state
        self._append(StateChanged(state, self._error))

    def _append(self, event: JobEvent) -> None:
        self._log.append(LogEntry(datetime.now(timezone.utc), event))
        self._changes.announce(last=bool(self._ended))

    def _add_notices(self, *sentences: str) -> None:
        self._notices += tuple(sentence for sentence in dict.fromkeys(sentences) if sentence not in self._notices)

    def _eta(self) -> float | None:
        """Time per step so far × steps left; the loading before the first picture does not count."""
        done = sum(picture.step for picture in self._pictures)
        if self._state != "running" or not done:
            return None
        left = sum(picture.total_steps - picture.step for picture in self._pictures)
        per_step = (self._last_step - self._painting) / done
        return max(0.0, per_step * left - (time.monotonic() - self._last_step))
