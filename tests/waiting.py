"""Waiting for jobs, through the very calls that a page uses."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.painter import PATIENCE
from webui.job import Job
from webui.job_view import JobView


def until(job: Job, condition: Callable[[JobView], bool], seconds: float = PATIENCE) -> JobView:
    """Waits until a job looks as expected, and gives how it looks."""
    deadline = time.monotonic() + seconds
    view = job.view()
    while not condition(view):
        assert time.monotonic() < deadline, view
        view = job.wait_for_change(view.version, seconds)
    return view


def ended(view: JobView) -> bool:
    """Whether nothing more will happen to the job."""
    return view.ended


def at_step(step: int) -> Callable[[JobView], bool]:
    """Whether one of its pictures has come so far."""
    return lambda view: any(picture.step >= step for picture in view.pictures)
