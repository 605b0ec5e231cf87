"""The pictures of one job, each at its own point on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import replace

from pipelines.events import GenerationStarted, StepCompleted

from .job_view import PictureView
from .library.picture import SavedPicture


class JobPictures:
    """Knows which pictures are made, which are skipped and which are still wanted; its job's lock guards it.

    Args:
        seeds: One for each picture.
        made: Those that need not be made any more, by index.
        skipped: Those that nobody wants any more.

    Attributes:
        made: The finished ones by index.
        skipped: Indices of those to leave out.
        views: As a watcher sees them; none before the first generation has begun, unless some are there already.
    """

    def __init__(self, seeds: tuple[int, ...], made: Mapping[int, SavedPicture], skipped: Collection[int]) -> None:
        self._seeds = seeds
        self.made, self.skipped = dict(made), set(skipped)
        self.views: list[PictureView] = []
        self._strips: dict[int, dict[int, bytes]] = {}
        if made or skipped:
            self._show()

    @property
    def wanted(self) -> frozenset[int]:
        """Indices of those neither finished nor skipped."""
        return frozenset(range(len(self._seeds))) - self.made.keys() - self.skipped

    @property
    def total_steps(self) -> int:
        """Steps of one picture, 0 until known."""
        return max((view.total_steps for view in self.views), default=0)

    @property
    def steps_left(self) -> int:
        """Steps until all that are wanted are made."""
        return sum(one.total_steps - one.step for one in self.views if not (one.saved or one.skipped))

    def start(self, event: GenerationStarted, portion: range) -> None:
        """Some are begun."""
        if not self.views:
            self._show()
        for index, seed in zip(portion, event.seeds, strict=False):
            self.views[index] = replace(self.views[index], seed=seed)
        total = event.total_steps
        self.views = [replace(one, total_steps=total, step=total if one.saved else one.step) for one in self.views]

    def step(self, event: StepCompleted) -> bool:
        """One has come a step further; tells whether anybody cares."""
        view = self.views[event.index]
        if view.skipped:
            return False
        preview = event.preview or view.preview
        if event.preview:
            self._strips.setdefault(event.index, {})[event.step] = event.preview
        self.views[event.index] = replace(view, step=event.step, total_steps=event.total_steps, preview=preview)
        return True

    def keep(self, index: int, saved: SavedPicture) -> None:
        """One is finished, and in the library."""
        self.made[index] = saved
        view = self.views[index]
        self.views[index] = replace(view, step=view.total_steps, preview=None, saved=saved, skipped=False)

    def strip(self, index: int) -> dict[int, bytes]:
        """Takes the previews of a picture that is finished, by step."""
        return self._strips.pop(index, {})

    def skip(self, index: int) -> None:
        """One is not wanted any more."""
        self.skipped.add(index)
        if self.views:
            self.views[index] = replace(self.views[index], preview=None, skipped=True)

    def drop_previews(self) -> None:
        """Lets go of what only matters while they form."""
        self.views = [replace(view, preview=None) for view in self.views]
        self._strips.clear()

    def weight(self) -> int:
        """Bytes of finished pictures that are in memory only."""
        return sum(len(saved.image or b"") for saved in self.made.values())

    def _show(self) -> None:
        self.views = [
            PictureView(index, seed, 0, 0, saved=self.made.get(index), skipped=index in self.skipped)
            for index, seed in enumerate(self._seeds)
        ]


def picture_id(job_id: str, index: int) -> str:
    """The library id of a job's picture: 32 hexadecimal digits, nobody else's."""
    return hashlib.sha256(f"{job_id}/{index}".encode()).hexdigest()[:32]
