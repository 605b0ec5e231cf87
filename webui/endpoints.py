"""The public endpoints: a task for programs, by its request's field names, through the same queue as everybody's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Any, Final

import gradio as gr
from gradio.components.api_component import Api
from gradio.processing_utils import save_bytes_to_cache, save_file_to_cache
from pydantic_core import PydanticUndefined

from pipelines.errors import ReverieError
from pipelines.images import open_upload
from pipelines.request import GenerationRequest, ImageToImageRequest, InpaintRequest, TextToImageRequest

if TYPE_CHECKING:
    from .job_view import JobView
    from .studio import Studio

TASKS: Final = (TextToImageRequest, ImageToImageRequest, InpaintRequest)
PICTURES: Final = ("image", "mask_image")
PATIENCE: Final = 5.0
"""Seconds between looks at a job that does not change."""


def add_endpoints(studio: Studio) -> None:
    """Adds ``/text_to_image``, ``/image_to_image`` and ``/inpaint`` to the Blocks being built.

    Each takes its request's fields, with the request's defaults, and answers with the pictures' files (PNG, the
    recipe inside) and their seeds.
    """
    with gr.Group(visible=False):
        for request_type in TASKS:
            _add_endpoint(studio, request_type)


def _add_endpoint(studio: Studio, request_type: type[GenerationRequest]) -> None:
    inputs = {name: _input(request_type, name) for name in request_type.model_fields}
    files = gr.File(file_count="multiple", label="pictures")
    seeds = gr.JSON(label="seeds")
    gr.Button(request_type.task, visible=False).click(
        _handler(studio, request_type, files),
        inputs_kwargs=inputs,
        outputs=[files, seeds],
        api_name=request_type.task,
        api_description=f"{(request_type.__doc__ or '').splitlines()[0]} Answers with the pictures' files and seeds.",
        concurrency_limit=None,
    )


def _input(request_type: type[GenerationRequest], name: str) -> Any:
    """Pictures come as uploaded files, which Gradio checks; all else comes raw, for the request to judge."""
    if name in PICTURES:
        return gr.File(type="filepath", label=name)
    field = request_type.model_fields[name]
    default = None if field.default is PydanticUndefined else field.default
    words = {"tuple": "array", "bool": "boolean", "int": "integer", "float": "number"}
    kind = next((word for python, word in words.items() if python in str(field.annotation)), "string")
    default = list(default) if isinstance(default, tuple) else default
    told: dict[str, Any] = {"type": kind, "description": name}
    return Api(default, told | ({"items": {"type": "string"}} if kind == "array" else {}), name)


def _handler(studio: Studio, request_type: type[GenerationRequest], files: gr.File) -> Callable[..., Any]:
    async def answer(request: gr.Request, *given: Any) -> tuple[list[str], list[int]]:
        values = dict(zip(request_type.model_fields, given, strict=True))
        owner = studio.owner(request.cookies)
        try:
            made = await asyncio.to_thread(_make, request_type, values)
            job = await asyncio.to_thread(studio.queue.submit, owner, made)  # it waits for the disk
        except ReverieError as error:
            raise _refusal(error) from None
        try:
            view = job.view()
            while not view.ended:
                view = await job.changed(view.version, PATIENCE)
        finally:
            studio.queue.cancel(owner, job.id)  # whoever asked has gone; a job that has ended stays as it is
        if view.state != "finished":
            raise _refusal(view.error or "The job was stopped.")
        return await asyncio.to_thread(_files, view, files.GRADIO_CACHE), list(view.seeds)

    # Clients learn from the signature which fields may be left out although their default is None.
    fields = [_parameter(name, request_type) for name in request_type.model_fields]
    vars(answer)["__signature__"] = Signature([*list(signature(answer).parameters.values())[:1], *fields])
    return answer


def _parameter(name: str, request_type: type[GenerationRequest]) -> Parameter:
    default = request_type.model_fields[name].default
    left_out = None if default is PydanticUndefined and name in PICTURES else default
    needed = left_out is PydanticUndefined
    return Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=Parameter.empty if needed else left_out)


def _make(request_type: type[GenerationRequest], values: dict[str, Any]) -> GenerationRequest:
    for name in PICTURES:
        if values.get(name):
            background = "#000000" if name == "mask_image" else "#ffffff"
            values[name] = open_upload(values[name], background=background, parameter=name).image
    return request_type(**values)


def _files(view: JobView, cache: str) -> list[str]:
    """Copies of the files in the cache, from which Gradio serves; the library's folder is open to nobody."""
    saved = [picture.saved for picture in view.pictures if picture.saved is not None]
    return [
        save_file_to_cache(one.path, cache)
        if one.path
        else save_bytes_to_cache(one.image or b"", f"{one.id}.png", cache)
        for one in saved
    ]


def _refusal(error: object) -> gr.Error:
    return gr.Error(str(error), print_exception=False)
