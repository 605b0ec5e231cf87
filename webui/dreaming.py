"""The Dream and Stop buttons: the form becomes a request and goes to the queue; nothing is made in here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import gradio as gr

from pipelines.errors import ReverieError

from .saying import say
from .tabs import image_to_image, inpaint, text_to_image

if TYPE_CHECKING:
    from pipelines.request import GenerationRequest

    from .panel import Panel
    from .studio import Studio

MAKERS: Final[Mapping[str, Callable[[Studio, Mapping[str, Any]], GenerationRequest]]] = {
    task.TASK: task.make_request for task in (text_to_image, image_to_image, inpaint)
}

PRIVATE: Final[Mapping[str, Any]] = {"api_visibility": "private", "show_progress": "hidden"}
"""For every event that is the page's own and no endpoint."""

SPEAKING: Final[Mapping[str, Any]] = {**PRIVATE, "concurrency_limit": None}
"""For those that may say something: Gradio only shows messages of events in its queue, so nobody must wait there."""


def make_request(studio: Studio, values: Mapping[str, Any]) -> GenerationRequest:
    """Reads the form for the task it is on.

    Raises:
        InvalidRequest: Something in it cannot be used.
    """
    return MAKERS.get(str(values["task"]), text_to_image.make_request)(studio, values)


def wire_dreaming(studio: Studio, panel: Panel, easel: gr.HTML, results: gr.HTML) -> None:
    """Connects the buttons; Dream stays usable while something runs, and hands in another job."""

    def dream(request: gr.Request, **values: Any) -> Any:
        try:
            made = make_request(studio, values)
            return studio.queue.submit(studio.owner(request.cookies), made).id
        except ReverieError as error:
            say(error)
            return gr.skip()

    def stop(request: gr.Request) -> None:
        """Stops what runs now, or, while nothing does, what is next; what is paused comes last."""
        owner = studio.owner(request.cookies)
        active = [job for job in reversed(studio.queue.jobs(owner)) if not (job.ended or job.stopping)]
        for job in sorted(active, key=lambda job: (job.paused, not job.begun))[:1]:
            studio.queue.cancel(owner, job.id)

    def stop_one(event: gr.EventData, request: gr.Request) -> None:
        studio.queue.cancel(studio.owner(request.cookies), str(event.id))

    def steer(event: gr.EventData, request: gr.Request) -> None:
        """Pauses a job, resumes it, or skips one of its pictures."""
        owner, job_id, index = studio.owner(request.cookies), str(event.id), event.index
        try:
            if event.wish == "pause":
                studio.queue.pause(owner, job_id)
            elif event.wish == "resume":
                studio.queue.resume(owner, job_id)
            elif event.wish == "skip" and isinstance(index, int):
                studio.queue.skip(owner, job_id, index)
        except ReverieError as error:
            say(error)

    def trouble(event: gr.EventData) -> None:
        say(str(event.text)[:1000])

    fields = {**panel.fields, "mask": easel}
    panel.dream.click(dream, inputs_kwargs=fields, outputs=results, trigger_mode="multiple", **SPEAKING)
    panel.stop.click(stop, queue=False, trigger_mode="multiple", **PRIVATE)
    results.stop(stop_one, queue=False, trigger_mode="multiple", **PRIVATE)
    results.steer(steer, trigger_mode="multiple", **SPEAKING)
    results.trouble(trouble, trigger_mode="multiple", **SPEAKING)
