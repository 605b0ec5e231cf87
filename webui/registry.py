"""Everybody's jobs by owner; of those that have ended only the newest, as far as memory allows."""

from __future__ import annotations

from .job import Job


class Registry:
    """Finds jobs for their owners only; the queue's lock guards it.

    Args:
        kept_per_owner: Ended jobs an owner can still look at.
        kept_bytes: Memory all ended jobs may take; the oldest go first.
    """

    def __init__(self, kept_per_owner: int, kept_bytes: int) -> None:
        self._kept_per_owner, self._kept_bytes = kept_per_owner, kept_bytes
        self._jobs: dict[str, dict[str, Job]] = {}  # owner → id → job, oldest first
        self._ended: dict[str, tuple[Job, int]] = {}  # id → job and its weight, oldest first
        self._ended_bytes = 0

    def add(self, job: Job) -> None:
        """Takes a job in."""
        self._jobs.setdefault(job.owner, {})[job.id] = job

    def get(self, owner: str, job_id: str) -> Job | None:
        """The owner's job by that id, or None; other people's jobs do not exist."""
        return self._jobs.get(owner, {}).get(job_id)

    def of(self, owner: str) -> tuple[Job, ...]:
        """The owner's jobs, newest first."""
        return tuple(reversed(self._jobs.get(owner, {}).values()))

    def retire(self, job: Job) -> list[Job]:
        """Remembers an ended job, and gives those that are forgotten for it."""
        self._ended[job.id] = (job, job.weight())
        self._ended_bytes += self._ended[job.id][1]
        mine = [one for one in self._jobs[job.owner].values() if one.id in self._ended]
        forgotten = mine[: max(0, len(mine) - self._kept_per_owner)]
        for old in forgotten:
            self._forget(old)
        while self._ended_bytes > self._kept_bytes and len(self._ended) > 1:
            oldest = next(iter(self._ended.values()))[0]
            self._forget(oldest)
            forgotten.append(oldest)
        return forgotten

    def _forget(self, job: Job) -> None:
        self._ended_bytes -= self._ended.pop(job.id)[1]
        del self._jobs[job.owner][job.id]
        if not self._jobs[job.owner]:
            del self._jobs[job.owner]
