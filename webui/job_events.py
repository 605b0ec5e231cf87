"""What a job's log holds: the generation's own facts, without pixels, and what became of the job."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipelines.events import GenerationEvent

from .job_view import JobState
from .library.picture import SavedPicture


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The job went over into another state."""

    state: JobState
    error: str | None = None


@dataclass(frozen=True, slots=True)
class PauseChanged:
    """Somebody paused the job, or let it go on."""

    paused: bool


@dataclass(frozen=True, slots=True)
class PictureKept:
    """A finished picture was handed to the library."""

    index: int
    saved: SavedPicture


JobEvent = StateChanged | PauseChanged | PictureKept | GenerationEvent


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One fact in a job's log: what, and when (timezone.utc)."""

    at: datetime
    event: JobEvent
