"""The Dream button: the form becomes a request and goes to the queue; nothing is made in here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import gradio as gr

from pipelines.errors import InvalidRequest, ReverieError

from .branching import BRANCH, asked_branch
from .form import styles_of
from .grid_form import many_asked
from .looping import asks_for_loops, loopback_asked
from .many_pictures import files_asked
from .origin import Origin
from .saying import say
from .tabs import image_to_image, inpaint, text_to_image

if TYPE_CHECKING:
    from pipelines.request import GenerationRequest

    from .panel import Panel
    from .series import Plan
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


def origin_of(studio: Studio, values: Mapping[str, Any]) -> Origin:
    """What the form tells of where the picture comes from: the result that was sent to it, and the style."""
    style = ",".join(style.id for style in styles_of(studio, values["style"]))
    branch = asked_branch(values.get("branch"))
    if branch.stages and branch.start:
        return Origin(parent=branch.start, edit=BRANCH, style=style or None)
    parent = str(values["parent"] or "") if values["task"] != text_to_image.TASK else ""
    return Origin(parent=parent or None, style=style or None)


def editing_plan(studio: Studio, values: Mapping[str, Any]) -> Plan | None:
    """The series that the form asks for in place of one job: a grid, several prompts or files, or a loopback.

    Raises:
        InvalidRequest: Something in the form cannot be used.
    """
    origin = origin_of(studio, values)
    many = many_asked(studio, values, partial(make_request, studio), origin.style)
    if many is not None and (asks_for_loops(values) or values.get("files")):
        raise InvalidRequest(
            "grid", "A grid or several prompts cannot go along with loopback or several pictures; end one of them."
        )
    if many is not None:
        return many
    files = files_asked(values, partial(make_request, studio), origin.style)
    if files is not None:
        sentence = files.left_out()
        if sentence:
            say(sentence)
        return files
    return loopback_asked(values, make_request(studio, values), origin) if asks_for_loops(values) else None


def wire_dreaming(studio: Studio, panel: Panel, easel: gr.HTML, results: gr.HTML) -> None:
    """Connects the button; it stays usable while something runs, and hands in another job."""

    def dream(request: gr.Request, **values: Any) -> Any:
        try:
            owner = studio.owner(request.cookies)
            plan = editing_plan(studio, values)
            if plan is not None:
                return studio.series.start(owner, plan).id
            return studio.queue.submit(owner, make_request(studio, values), origin_of(studio, values)).id
        except ReverieError as error:
            say(error)
            return gr.skip()

    fields = {**panel.fields, "mask": easel}
    panel.dream.click(dream, inputs_kwargs=fields, outputs=results, trigger_mode="multiple", **SPEAKING)
