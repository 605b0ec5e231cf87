"""Which jobs are at work: so many at once, shared out between owners by what each has at work already.

Somebody new waits for nobody's second job: where all places are taken, the owner with the most of them gives one up.
That job steps aside, keeps what it has done, and is its owner's next to go on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from .job import Job
from .line import Line


class Floor:
    """The jobs at work, those in line, and those that were paused at work; the queue's lock guards it.

    Args:
        places: Jobs at work at once.
        may_interrupt: Whether a job at work can step aside without losing anything.
        fits: Whether memory suffices for jobs that are begun together; not asked for a job that would be alone.

    Attributes:
        line: Who waits for a place.
    """

    def __init__(
        self, places: int, *, may_interrupt: bool, fits: Callable[[Sequence[Job]], bool] = lambda _jobs: True
    ) -> None:
        self.line = Line()
        self._places, self._may_interrupt, self._fits = places, may_interrupt, fits
        self._at_work: list[Job] = []  # those that came last at the end
        self._paused: list[Job] = []  # begun, and paused since

    def count_paused(self, owner: str | None = None) -> int:
        """How many begun jobs, of one owner or in all, stand still by their owner's wish."""
        return sum(owner in (None, job.owner) for job in self._paused)

    def add(self, job: Job) -> None:
        """Lets a job wait for a place: a new one behind its owner's others, a begun one before them."""
        self.line.add(job, first=job.begun)

    def pause(self, job: Job) -> None:
        """Takes the place of a begun job from it, until :meth:`resume`."""
        self.drop(job)
        self._paused.append(job)

    def resume(self, job: Job) -> None:
        """Lets a begun job wait for a place again."""
        self._paused.remove(job)
        self.add(job)

    def drop(self, job: Job) -> None:
        """Forgets a job, wherever it is."""
        if job in self._at_work:
            self._at_work.remove(job)
            self.line.done(job)
        elif job in self.line:
            self.line.remove(job)
        elif job in self._paused:
            self._paused.remove(job)

    def next_move(self) -> tuple[Job, bool] | None:
        """Makes one change, until all places are taken by those whose turn it is.

        Returns:
            A job, and whether it comes to work (True) or steps aside (False); None when all is well.
        """
        order = self.line.in_order()
        if not order:
            return None
        busy = [*self._at_work, *self._paused]
        if len(self._at_work) < self._places and (not self._at_work or self._fits([*busy, order[0]])):
            job = self.line.take()
            self._at_work.append(job)
            return job, True
        one_too_many = self._one_too_many(order[0].owner)
        if one_too_many is None:
            return None
        self.drop(one_too_many)
        self.add(one_too_many)
        return one_too_many, False

    def _one_too_many(self, newcomer: str) -> Job | None:
        """The newest job of whoever would have no fewer at work than the newcomer, also after giving one up."""
        if not self._may_interrupt:
            return None
        count = Counter(job.owner for job in self._at_work)
        owner, most = max(count.items(), key=lambda item: item[1], default=("", 0))
        if most < count[newcomer] + 2:
            return None
        return next((job for job in reversed(self._at_work) if job.owner == owner and not job.stopping), None)
