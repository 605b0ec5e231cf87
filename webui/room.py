"""How much may wait: limits for one owner and for all, and the sentence for whoever meets one."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.errors import ReverieError

from .floor import Floor
from .job import Job


class QueueFull(ReverieError):
    """A job that cannot be taken in now; the sentence says what to wait for."""


@dataclass(frozen=True, slots=True)
class Room:
    """The limits of a queue.

    Attributes:
        waiting_per_owner: Most jobs one owner may have waiting, paused ones among them.
        waiting_in_all: Most jobs that may wait.
        waiting_bytes: Most memory that the pictures given with waiting jobs may take.
        paused_per_owner: Most jobs one owner may have standing still half made; each keeps memory and threads.
        paused_in_all: As before, for everybody.
    """

    waiting_per_owner: int
    waiting_in_all: int
    waiting_bytes: int
    paused_per_owner: int = 8
    paused_in_all: int = 32

    def check(self, job: Job, floor: Floor) -> None:
        """Looks whether another job can wait.

        Raises:
            QueueFull: It cannot.
        """
        mine = floor.line.count(job.owner) + floor.count_paused(job.owner)
        everybody = len(floor.line) + floor.count_paused()
        if mine >= self.waiting_per_owner:
            raise QueueFull(f"You have {mine} jobs waiting, the most there can be; cancel one, or wait a while.")
        if everybody >= self.waiting_in_all:
            raise QueueFull(f"The studio has {everybody} jobs waiting, the most there can be; wait a while.")
        weight = job.weight() + sum(other.weight() for other in floor.line.all())
        if everybody and weight > self.waiting_bytes:
            raise QueueFull("The pictures of the waiting jobs fill the studio's memory; wait a while.")

    def check_pause(self, job: Job, floor: Floor) -> None:
        """Looks whether another job that is half made can stand still.

        Raises:
            QueueFull: It cannot.
        """
        mine, everybody = floor.count_paused(job.owner), floor.count_paused()
        if mine >= self.paused_per_owner or everybody >= self.paused_in_all:
            whose = f"You have {mine}" if mine >= self.paused_per_owner else f"The studio has {everybody}"
            raise QueueFull(f"{whose} jobs paused half made, the most there can be; resume or stop one first.")
