"""What happens when a picture to begin with arrives, changes or goes."""

from __future__ import annotations

import html
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from pipelines.errors import InvalidRequest

from .dreaming import PRIVATE, SPEAKING
from .library.temporary import TemporaryFiles
from .masks import transparent_mask, uploaded_mask
from .saying import say
from .sizes import size_like
from .source import kept_file, take_upload

if TYPE_CHECKING:
    from .panel import Panel
    from .studio import Studio


def show_source(
    studio: Studio,
    file: str | Path | bytes | None,
    background: str,
    cache: str,
    model: object = None,
    *,
    quiet: bool = False,
) -> list[Any]:
    """Updates for the source picture, the kept original, the easel, the note below the picture,
    and the background colour, which only a picture with transparent parts needs.

    Args:
        studio: Whose models the note speaks of.
        file: The upload or the result; None = nothing.
        background: CSS colour that transparent parts are laid on.
        cache: Gradio's cache folder.
        model: Id of the chosen model.
        quiet: Whether what there is to say about the file has been said.

    Raises:
        InvalidRequest: The file cannot be used.
    """
    if not file:
        return [None, "", gr.update(picture=""), "", gr.update(visible=False)]
    opened = io.BytesIO(file) if isinstance(file, bytes) else str(file)
    taken = take_upload(opened, background, cache)
    for notice in () if quiet else taken.notices:
        say(notice, friendly=True)
    original = (None if isinstance(file, bytes) else kept_file(str(file), cache)) or taken.path
    worked = size_like(taken.size, studio.model(model))
    widths = json.dumps({"own": taken.size[0], "worked": worked[0]})
    canvas = gr.update(picture=f"/gradio_api/file={taken.easel}", sizes=widths)
    return [taken.path, original, canvas, _note(taken.size, worked), gr.update(visible=taken.see_through)]


def _note(size: tuple[int, int], worked: tuple[int, int]) -> str:
    words = f"{size[0]} × {size[1]} px"
    return html.escape(words if worked == size else f"{words}, worked on at {worked[0]} × {worked[1]}")


def source_places(panel: Panel, easel: gr.HTML, original: gr.Textbox) -> list[Any]:
    """The components that :func:`show_source` gives updates for, in its order."""
    return [panel.fields["source"], original, easel, panel.source_note, panel.fields["background"]]


def wire_source(studio: Studio, panel: Panel, easel: gr.HTML, original: gr.Textbox) -> None:
    """Connects the upload, its background colour, the mask's upload, and the mask from what is transparent."""
    fields = panel.fields
    source, background, model = fields["source"], fields["background"], fields["model"]
    outputs = source_places(panel, easel, original)

    def arrive(path: str | None, kept: str | None, colour: str, model_id: str) -> list[Any]:
        try:
            return show_source(studio, path, colour, source.GRADIO_CACHE, model_id)
        except InvalidRequest as error:
            say(error)
            return again(kept, colour, model_id)

    def again(kept: str | None, colour: str, model_id: str) -> list[Any]:
        """Shows the original once more: on another background, or because what came after it cannot be used."""
        try:
            upload = kept_file(kept, source.GRADIO_CACHE)
            return show_source(studio, upload, colour, source.GRADIO_CACHE, model_id, quiet=True)
        except InvalidRequest:
            return show_source(studio, None, colour, source.GRADIO_CACHE, model_id)

    for given in (source.upload, source.clear):  # what comes from outside has no parent
        given(None, outputs=fields["parent"], js="() => ''", **PRIVATE)
    temporary = TemporaryFiles(Path(source.GRADIO_CACHE))
    source.upload(lambda: (temporary.tidy_soon(), None)[1], queue=False, **PRIVATE)
    source.upload(arrive, [source, original, background, model], outputs, **SPEAKING)
    source.clear(lambda: show_source(studio, None, "#ffffff", ""), None, outputs, **SPEAKING)
    background.change(again, [original, background, model], outputs, **SPEAKING)
    fields["mask_upload"].upload(take_mask, [fields["mask_upload"], source], [easel, fields["mask_upload"]], **SPEAKING)

    def take_alpha(kept: str | None) -> Any:
        """The easel's update for a mask of what is transparent in the kept original."""
        path = kept_file(kept, source.GRADIO_CACHE)
        try:
            return transparent_mask(path) if path else gr.skip()
        except InvalidRequest as error:
            say(error)
            return gr.skip()

    panel.editing.alpha_mask.click(take_alpha, original, easel, **SPEAKING)


def take_mask(path: str | None, picture: str | None) -> list[Any]:
    """Updates for the easel and for the place that masks are uploaded to."""
    if path and not picture:
        say("Upload the picture first, then its mask.")
        return [gr.skip(), None]
    try:
        return [uploaded_mask(path) if path else gr.skip(), None]
    except InvalidRequest as error:
        say(error)
        return [gr.skip(), None]
