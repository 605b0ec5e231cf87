"""A job at one moment, as whoever watches it sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pipelines.events import ModelLoading

from .library.picture import SavedPicture

JobState = Literal["waiting", "running", "finished", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class PictureView:
    """How far one picture of a job is.

    Attributes:
        index: Which picture of the request, from 0.
        seed: Its own seed.
        step: Steps done, 0 … ``total_steps``.
        total_steps: Denoising steps of one picture.
        preview: The newest clean guess as JPEG bytes; None before the first, and once the picture is done.
        saved: The finished picture, else None.
        skipped: Left out by its owner's wish.
    """

    index: int
    seed: int
    step: int
    total_steps: int
    preview: bytes | None = field(default=None, repr=False)
    saved: SavedPicture | None = None
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class JobView:
    """A job at one moment; it never changes, ask for another.

    Attributes:
        id: The job's id.
        state: Where it is; the last three are final.
        place: 1 = next to begin, or, where others took their turn meanwhile, to go on; 0 = does not wait for a turn.
        seeds: One a picture, empty until the job has really begun.
        total_steps: Steps of one picture, 0 until known.
        notices: Sentences to show though nothing failed.
        error: One sentence when ``state`` is ``failed``, else None.
        seconds: Time running so far, or in all.
        eta: Seconds left, None where that cannot be told yet.
        version: Grows with every change.
        pictures: One for each seed.
        stopping: Asked to stop, and ending with the step it is at.
        paused: Stands still until its owner resumes it; ``state`` stays what it was.
        loading: How the loading of its model goes, while it waits for that.
    """

    id: str
    state: JobState
    place: int
    seeds: tuple[int, ...]
    total_steps: int
    notices: tuple[str, ...]
    error: str | None
    seconds: float
    eta: float | None
    version: int
    pictures: tuple[PictureView, ...]
    stopping: bool = False
    paused: bool = False
    loading: ModelLoading | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing about the job will change any more."""
        return self.state in ("finished", "failed", "cancelled")
