"""What is going on, sent to a page as it happens: every picture of every job of one owner, with its newest preview.

A page opens one event stream and may lose it at any time; nothing notices. The browser opens another by itself, and
its first message tells everything from the start. While a reader is slow nothing piles up for it: the next message
is made when the last one has left, from what is newest then.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from .sizes import size_of
from .wording import page_words

if TYPE_CHECKING:
    from .job import Job
    from .job_view import JobView, PictureView
    from .series import SeriesView
    from .studio import Studio

PREVIEW_PAUSE: Final = 1 / 8
"""Seconds after a message with previews; more than eight a second nobody can see apart."""

SHORTEST_PAUSE: Final = 1 / 50
"""Seconds after any other."""

LONGEST_PAUSE: Final = 1.0
"""Seconds after which a message is sent though no step was done: the time left has changed, and the line is alive."""

Seen = dict[tuple[str, int], bytes]


async def watch(studio: Studio, owner: str) -> AsyncIterator[str]:
    """Tells of an owner's jobs until none is left and the model is ready.

    Yields:
        Server-sent events: messages of :func:`message`, and at the end one ``idle``.
    """
    seen: Seen = {}
    followed: dict[str, Job] = {}
    first = True
    old = {one.id for one in studio.series.of(owner) if one.ended}
    while True:
        began = time.monotonic()
        series = studio.series.of(owner)  # before the jobs: one that still goes on here is looked at once more
        newest = studio.queue.jobs(owner)
        active = {job.id: job for job in newest if not job.ended}
        views = [job.view() for job in {**followed, **active}.values()]
        told = message(studio, {**followed, **active}, views, seen, ended=newest if first else ())
        told["series"] = [_series_message(one) for one in series if one.id not in old]
        yield _event(told)
        first = False
        ready = is_ready(studio.manager.status())
        going_on = any(not one.ended for one in series)  # between two of its jobs there is none
        if not (active or going_on) and ready and all(view.ended for view in views):
            yield "event: idle\ndata: {}\n\n"
            return
        followed = {view.id: active[view.id] for view in views if not view.ended and view.id in active}
        waiting = [(followed[view.id], view.version) for view in views if view.id in followed]
        await _next_change(waiting, PREVIEW_PAUSE if going_on else LONGEST_PAUSE)
        pause = PREVIEW_PAUSE if _has_preview(told) else SHORTEST_PAUSE  # nothing said before it delays the first
        await asyncio.sleep(max(0.0, pause - (time.monotonic() - began)))


def is_ready(status: str) -> bool:
    """Whether a back end's sentence says that it waits for nothing."""
    return not status.rstrip().endswith("…")


def message(
    studio: Studio, jobs: dict[str, Job], views: Sequence[JobView], seen: Seen, *, ended: Sequence[Job] = ()
) -> dict[str, Any]:
    """One message: the back end's state, and each job with those previews that this reader has not had yet.

    Args:
        studio: Whose back end it is.
        jobs: The jobs of ``views`` by id.
        views: What to tell.
        seen: The previews this reader has had; brought up to date.
        ended: Jobs to name as over, for a page that was away when they ended.
    """
    status = studio.manager.status()
    return {
        "status": status,
        "ready": is_ready(status),
        "jobs": [job_message(studio, jobs[view.id], view, seen) for view in views],
        "ended": [_ending(job.view(), job.request.prompt) for job in ended if job.ended],
    }


def job_message(studio: Studio, job: Job, view: JobView, seen: Seen) -> dict[str, Any]:
    """One job as the page's script reads it."""
    width, height = size_of(job.request, studio.model(job.request.model))
    count = job.request.num_images_per_prompt
    pictures = [_picture_message(view, picture, seen) for picture in view.pictures]
    waiting = [{"index": index, "step": 0} for index in range(len(pictures), count)]
    return {
        "id": view.id,
        "state": view.state,
        "stopping": view.stopping,
        "paused": view.paused,
        "place": view.place,
        "prompt": job.request.prompt,
        "edit": job.origin.edit,
        "width": width,
        "height": height,
        "total_steps": view.total_steps,
        "eta": view.eta,
        "error": _in_words(view.error),
        "loading": _loading(studio, view),
        "notices": [page_words(notice) for notice in view.notices],
        "pictures": pictures + waiting,
    }


def _series_message(series: SeriesView) -> dict[str, Any]:
    notice = None if series.notice is None else page_words(series.notice)
    return {"id": series.id, "kind": series.kind, "state": series.state, "job": series.job, "notice": notice}


def _loading(studio: Studio, view: JobView) -> dict[str, Any] | None:
    """What a job that waits for its model says."""
    if view.loading is None:
        return None
    return {"model": studio.model(view.loading.model).name, "done": view.loading.done, "what": view.loading.what}


def _ending(view: JobView, prompt: str) -> dict[str, Any]:
    return {
        "id": view.id,
        "state": view.state,
        "prompt": prompt,
        "error": _in_words(view.error),
        "notices": [page_words(notice) for notice in view.notices],
        "pictures": [
            {"skipped": picture.skipped, "saved": picture.saved.id if picture.saved else None}
            for picture in view.pictures
        ],
    }


def _in_words(error: str | None) -> str | None:
    return None if error is None else page_words(error)


def _picture_message(view: JobView, picture: PictureView, seen: Seen) -> dict[str, Any]:
    told: dict[str, Any] = {
        "index": picture.index,
        "seed": picture.seed,
        "step": picture.step,
        "total_steps": picture.total_steps,
        "skipped": picture.skipped,
    }
    if picture.saved is not None:
        told["saved"] = picture.saved.id
    elif picture.preview is not None and seen.get((view.id, picture.index)) is not picture.preview:
        seen[view.id, picture.index] = picture.preview
        told["preview"] = "data:image/jpeg;base64," + base64.b64encode(picture.preview).decode("ascii")
    return told


def _has_preview(told: dict[str, Any]) -> bool:
    return any("preview" in picture for job in told["jobs"] for picture in job["pictures"])


async def _next_change(jobs: Sequence[tuple[Job, int]], pause: float) -> None:
    """Waits until one of the jobs has changed, at most ``LONGEST_PAUSE`` seconds; where there is none, ``pause``."""
    if not jobs:
        await asyncio.sleep(pause)
        return
    waiting = [asyncio.ensure_future(job.changed(version, LONGEST_PAUSE)) for job, version in jobs]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for future in waiting:
            future.cancel()


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data, separators=(',', ':'))}\n\n"
