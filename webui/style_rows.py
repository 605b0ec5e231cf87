"""The Style list on the page, several at once, and what manages it: saving, A1111's styles.csv, deleting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import gradio as gr

from pipelines.errors import ReverieError
from pipelines.styles_csv import LARGEST_FILE

from .form import MOST_STYLES
from .saying import say

if TYPE_CHECKING:
    from .studio import Studio

PRIVATE: Final[Mapping[str, Any]] = {"api_visibility": "private", "show_progress": "hidden"}
SPEAKING: Final[Mapping[str, Any]] = {**PRIVATE, "concurrency_limit": None}


@dataclass(frozen=True)
class StyleRows:
    """The components.

    Attributes:
        style: The list.
        name: What a new style is called.
        save: Keeps the prompt as a style.
        file: Takes a styles.csv.
        remove: Deletes the chosen ones that are one's own.
    """

    style: gr.Dropdown
    name: gr.Textbox
    save: gr.Button
    file: gr.File
    remove: gr.Button


def lay_out_style(studio: Studio, value: list[str]) -> gr.Dropdown:
    """Lays the list out."""
    return gr.Dropdown(
        [(style.label, style.id) for style in studio.styles.values()],
        value=value,
        multiselect=True,
        max_choices=MOST_STYLES,
        label="Style",
        elem_id="style",
    )


def lay_out_managing(style: gr.Dropdown) -> StyleRows:
    """Lays out what manages it, folded."""
    with gr.Accordion("Manage styles", open=False, elem_id="manage-styles"):
        with gr.Row(elem_id="save-style-row"):
            name = gr.Textbox(
                label="Name", placeholder="Name of a new style", show_label=False, max_lines=1, max_length=80,
                container=False, elem_id="style-name", scale=1,
            )  # fmt: skip
            save = gr.Button("Save as style", elem_id="save-style", size="sm", min_width=0, scale=0)
        file = gr.File(label="styles.csv from A1111", file_types=[".csv"], elem_id="styles-file", height=76)
        remove = gr.Button("Delete the chosen styles of mine", elem_id="remove-styles", size="sm", min_width=0)
    return StyleRows(style, name, save, file, remove)


def wire_styles(studio: Studio, page: gr.Blocks, rows: StyleRows, prompt: Any, negative_prompt: Any) -> None:
    """Connects them; each visitor's list has their own styles, too."""
    styles = studio.styles

    def offered(owner: str, chosen: list[str] | None = None) -> Any:
        choices = styles.choices(owner)
        return gr.update(choices=choices) if chosen is None else gr.update(choices=choices, value=chosen)

    def show(request: gr.Request) -> Any:
        return offered(studio.owner(request.cookies))

    def save(name: str, words: str, avoided: str, request: gr.Request) -> list[Any]:
        owner = studio.owner(request.cookies)
        try:
            style = styles.save(owner, str(name or ""), str(words or ""), str(avoided or ""))
        except ReverieError as error:
            say(error)
            return [gr.skip(), gr.skip()]
        say(f"{style.label} is in the Style list now; choose it, and write what it is laid over.", friendly=True)
        return [offered(owner), ""]

    def take(path: str | None, request: gr.Request) -> list[Any]:
        owner = studio.owner(request.cookies)
        try:
            kept, problems = styles.read_csv(owner, _read(path))
        except ReverieError as error:
            say(error)
            return [gr.skip(), None]
        for problem in problems[:3]:
            say(problem)
        say(f"{len(kept)} style{'' if len(kept) == 1 else 's'} came in; they are in the Style list.", friendly=True)
        return [offered(owner), None]

    def remove(chosen: list[str] | None, request: gr.Request) -> Any:
        owner = studio.owner(request.cookies)
        gone = {one for one in chosen or [] if styles.remove(owner, one)}
        if not gone:
            say("None of the chosen styles is your own; those that come with Reverie stay.")
            return gr.skip()
        return offered(owner, [one for one in chosen or [] if one not in gone])

    page.load(show, None, rows.style, queue=False, **PRIVATE)
    rows.save.click(save, [rows.name, prompt, negative_prompt], [rows.style, rows.name], **SPEAKING)
    rows.file.upload(take, rows.file, [rows.style, rows.file], **SPEAKING)
    rows.remove.click(remove, rows.style, rows.style, **SPEAKING)


def _read(path: str | None) -> bytes:
    if path is None:
        return b""
    with Path(path).open("rb") as file:
        return file.read(LARGEST_FILE + 1)
