"""What a person wishes of jobs on the page: stop, pause, go on, skip a picture, go first, try again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import gradio as gr

from pipelines.errors import ReverieError

from .dreaming import PRIVATE, SPEAKING
from .saying import say

if TYPE_CHECKING:
    from .jobs import JobQueue
    from .panel import Panel
    from .studio import Studio

Wish = Literal["pause", "resume", "skip", "front", "retry"]


def wire_wishes(studio: Studio, panel: Panel, results: gr.HTML) -> None:
    """Connects the Stop button, and the small buttons of the rows that are being made."""

    def stop(request: gr.Request) -> None:
        """Stops what was begun last, or, while nothing runs, what was asked for last; what is paused comes last."""
        owner = studio.owner(request.cookies)
        active = [job for job in studio.queue.jobs(owner) if not (job.ended or job.stopping)]
        for job in sorted(active, key=lambda job: (job.paused, not job.begun))[:1]:
            studio.queue.cancel(owner, job.id)
        if not active:  # a series is between two of its jobs
            for series in studio.series.of(owner):
                studio.series.stop(owner, series.id)

    def stop_one(event: gr.EventData, request: gr.Request) -> None:
        studio.queue.cancel(studio.owner(request.cookies), str(event.id))

    def steer(event: gr.EventData, request: gr.Request) -> Any:
        """Fulfils a wish; the id of a job that is begun by it makes the page watch."""
        if event.wish not in get_args(Wish):
            return gr.skip()
        try:
            job_id = fulfil(studio.queue, studio.owner(request.cookies), str(event.id), event.wish, event.index)
        except ReverieError as error:
            say(error)
            return gr.skip()
        return job_id or gr.skip()

    panel.stop.click(stop, queue=False, trigger_mode="multiple", **PRIVATE)
    results.stop(stop_one, queue=False, trigger_mode="multiple", **PRIVATE)
    results.steer(steer, outputs=results, trigger_mode="multiple", **SPEAKING)


def fulfil(queue: JobQueue, owner: str, job_id: str, wish: Wish, index: object = None) -> str | None:
    """Does what is wished of one job; a job that has ended meanwhile is left alone.

    Args:
        queue: Knows the job.
        owner: Whose job it is.
        job_id: Which.
        wish: What to do.
        index: Which of its pictures, from 0; only for ``skip``.

    Returns:
        The id of the new job where there is one.

    Raises:
        NoSuchJob: It cannot be tried again.
        QueueFull: Too much waits, or stands still, already.
    """
    if wish == "retry":
        return queue.retry(owner, job_id).id
    if wish == "pause":
        queue.pause(owner, job_id)
    elif wish == "resume":
        queue.resume(owner, job_id)
    elif wish == "front":
        queue.reorder(owner, job_id, "front")
    elif isinstance(index, int):
        queue.skip(owner, job_id, index)
    return None
