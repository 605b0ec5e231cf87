"""One job: somebody's request on its way to its pictures, as others may watch it."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from datetime import datetime, timezone

from pipelines.control import Control
from pipelines.events import (
    GenerationEvent,
    GenerationStarted,
    ImageFinished,
    ImageSkipped,
    ModelLoading,
    StepCompleted,
)
from pipelines.request import GenerationRequest
from pipelines.seeds import seeds_of, with_variation_seed

from .job_events import JobEvent, PauseChanged, PictureKept, StateChanged
from .job_pictures import JobPictures, picture_id
from .job_view import JobState, JobView
from .library.picture import SavedPicture
from .origin import Origin
from .pace import Pace
from .request_text import images_of
from .steering import Steering
from .watched import Watched


class Job(Watched[JobView]):
    """A request and everything that has happened to it; made by ``JobQueue.submit``.

    Anybody may read it from any thread; only the queue calls the methods under "for the queue".

    Args:
        owner: Whose it is: their token, or what the queue keeps of it.
        request: What was asked for.
        origin: Where it comes from.
        job_id: Of a job that goes on; None = a new one.
        first_seed: Seed of picture 0; None = the request's own, drawn now where that is -1.
        submitted: When, in UTC; None = now.
        made: Pictures that need not be made any more, by index.
        skipped: Pictures that nobody wants any more.

    Attributes:
        id: 32 hexadecimal digits, not to be guessed.
        seeds: One for each picture, never -1.
    """

    def __init__(
        self,
        owner: str,
        request: GenerationRequest,
        origin: Origin = Origin(),  # noqa: B008 - a tuple
        *,
        job_id: str | None = None,
        first_seed: int | None = None,
        submitted: datetime | None = None,
        made: Mapping[int, SavedPicture] | None = None,
        skipped: Collection[int] = (),
    ) -> None:
        super().__init__()
        self.id = job_id or secrets.token_hex(16)
        self.owner, self.request, self.origin = owner, with_variation_seed(request), origin
        self.submitted = submitted or datetime.now(timezone.utc)
        known = request if first_seed is None else request.model_copy(update={"seed": first_seed})
        self.seeds = tuple(picture.seed for picture in seeds_of(known))
        self._state: JobState = "waiting"
        self._paused = False
        self._place = 0
        self._notices: tuple[str, ...] = ()
        self._error: str | None = None
        self._loading: ModelLoading | None = None
        self._pictures = JobPictures(self.seeds, made or {}, skipped)
        self._steering = Steering()
        self._pace = Pace()
        self._append(StateChanged("waiting"))

    def __repr__(self) -> str:
        return f"<Job {self.id} {self._state}>"  # never the owner: reprs end up in logs

    def view(self) -> JobView:
        """The job as it is now."""
        with self._changes:
            pictures = tuple(self._pictures.views)
            return JobView(
                id=self.id,
                state=self._state,
                place=self._place,
                seeds=tuple(picture.seed for picture in pictures),
                total_steps=self._pictures.total_steps,
                notices=self._notices,
                error=self._error,
                seconds=self._pace.seconds,
                eta=self._pace.eta(self._pictures.steps_left),
                version=self._changes.version,
                pictures=pictures,
                stopping=self.stopping and not self.ended,
                paused=self._paused and not self.ended,
                loading=None if self.ended else self._loading,
            )

    @property
    def begun(self) -> bool:
        """Whether the job has left the waiting ones."""
        return self._pace.begun

    @property
    def paused(self) -> bool:
        """Whether its owner lets it stand still."""
        return self._paused

    @property
    def still(self) -> bool:
        """Whether it stands still, by its owner's wish or because others have their turn."""
        return self._steering.still

    @property
    def stopping(self) -> bool:
        """Whether the job was asked to stop."""
        return self._steering.stopped

    @property
    def ended(self) -> bool:
        """Whether the job is finished, failed or cancelled."""
        return self._pace.ended

    @property
    def made(self) -> dict[int, SavedPicture]:
        """The finished pictures by index."""
        with self._changes:
            return dict(self._pictures.made)

    @property
    def skipped(self) -> frozenset[int]:
        """The pictures that nobody wants any more."""
        with self._changes:
            return frozenset(self._pictures.skipped)

    @property
    def wanted(self) -> frozenset[int]:
        """The pictures that are neither finished nor skipped."""
        with self._changes:
            return self._pictures.wanted

    def picture_id(self, index: int) -> str:
        """The library id of one of its pictures, always the same one.

        So a picture that was kept just before the studio was killed is recognized afterwards.
        """
        return picture_id(self.id, index)

    def weight(self) -> int:
        """About how many bytes of memory the job holds."""
        with self._changes:
            pixels = sum(
                image.width * image.height * len(image.getbands()) for image in images_of(self.request).values()
            )
            return 4096 + 256 * len(self._log) + pixels + self._pictures.weight()

    # ---- for the queue

    def move_to(self, place: int) -> None:
        """Says the job's place among those waiting, 0 where it does not wait for its turn."""
        with self._changes:
            if place != self._place:
                self._place = place
                self._changes.announce()

    def begin(self) -> None:
        """Takes the job out of the waiting ones."""
        with self._changes:
            self._pace.begin()
            self._place = 0
            self._enter("running")

    def pause(self, *, paused: bool) -> None:
        """Writes its owner's wish down; for standing still see :meth:`hold`."""
        with self._changes:
            if paused != self._paused and not self.ended:
                self._paused = paused
                self._append(PauseChanged(paused))

    def hold(self, *, still: bool) -> None:
        """Lets its pictures stand still after the step they are in, or go on."""
        with self._changes:
            if still == self.still or self.ended:
                return
            (self._pace.halt if still else self._pace.go)()
            self._steering.still, self._place = still, 0
            self._steering.tell(self._pictures.skipped)
            self._changes.announce()

    def skip(self, index: int) -> None:
        """Leaves a picture out."""
        with self._changes:
            self._pictures.skip(index)
            self._steering.tell(self._pictures.skipped)
            self._append(ImageSkipped(index))

    def ask_to_stop(self) -> None:
        """Has the job end at its next event, or now where none has come yet and nothing can be lost."""
        with self._changes:
            if self.ended or self.stopping:
                return
            self._steering.stopped = True
            self._steering.tell(self._pictures.skipped)
            if self._pace.painting:
                self._changes.announce()
            else:
                self.end("cancelled")

    def steer(self, control: Control, portion: range) -> None:
        """Passes all wishes, past and to come, on to the control of the pictures that are made now."""
        with self._changes:
            self._steering.follow(control, portion)
            self._steering.tell(self._pictures.skipped)

    def wait_to_go_on(self) -> None:
        """Holds the calling thread while the job stands still and was not asked to stop."""
        while True:
            with self._changes:
                if not self.still or self.stopping or self.ended:
                    return
                version = self._changes.version
            self._changes.wait(version)

    def record_loading(self, event: ModelLoading) -> None:
        """Takes in how the loading of its model goes; only the newest is of interest, so nothing is written down."""
        with self._changes:
            if not self.ended:
                self._loading = event
                self._changes.announce()

    def record_start(self, event: GenerationStarted, portion: range) -> None:
        """Takes in that some of its pictures are begun.

        Args:
            event: The first event of their generation.
            portion: Their indices.
        """
        with self._changes:
            if not self.ended:
                self._pace.paint()
                self._loading = None
                self._pictures.start(event, portion)
                self.add_notices(*event.notices)
                self._append(event)

    def record(self, event: GenerationEvent) -> None:
        """Takes in what else the back end reports; a finished picture comes through :meth:`record_picture`."""
        with self._changes:
            if self.ended or isinstance(event, ImageSkipped):  # a skip was written down when it was wished
                return
            if isinstance(event, StepCompleted):
                if not self._pictures.step(event):
                    return
                self._pace.step()
                event = StepCompleted(event.step, event.total_steps, None, event.index)
            self._append(event)

    def record_picture(self, event: ImageFinished, saved: SavedPicture) -> None:
        """Takes in a finished picture after the library has kept it."""
        with self._changes:
            if not self.ended:
                self._pictures.keep(event.index, saved)
                self.add_notices(*([saved.notice] if saved.notice else []))
                self._append(PictureKept(event.index, saved))

    def strip(self, index: int) -> dict[int, bytes]:
        """Hands over the previews of a picture by step; once."""
        with self._changes:
            return self._pictures.strip(index)

    def add_notices(self, *sentences: str) -> None:
        """Adds sentences to show, each once."""
        with self._changes:
            self._notices = tuple(dict.fromkeys((*self._notices, *sentences)))

    def end(self, state: JobState, error: str | None = None) -> None:
        """Ends the job for good; once it has ended this does nothing."""
        with self._changes:
            if not self.ended:
                self._pace.end()
                self._place, self._error = 0, error
                self._pictures.drop_previews()
                self._enter(state)

    # ---- inside

    def _enter(self, state: JobState) -> None:
        self._state = state
        self._append(StateChanged(state, self._error))

    def _append(self, event: JobEvent) -> None:
        self._write_down(event, last=self.ended)
