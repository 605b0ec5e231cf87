"""The finer settings on the page: one control each, in folded sections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr

from pipelines.request import limits

from .library.request_fields import request_with
from .plain_fields import ONLY_FOR, PLAIN, SECTIONS, PlainField, Section
from .plain_form import TYPED, choices

if TYPE_CHECKING:
    from .studio import Studio

TASK_CLASSES: Mapping[tuple[str, ...], str] = {
    ("text_to_image",): "for-text",
    ("image_to_image",): "for-image",
    ("inpaint",): "for-inpaint",
    ("image_to_image", "inpaint"): "for-picture",
}
"""How the page's style sheet shows a section only where its task is open."""


def lay_out_section(studio: Studio, first: Mapping[str, Any], section: Section) -> dict[str, Any]:
    """Lays a section's controls out, folded where it has a heading.

    Args:
        studio: Whose upscalers the menus offer.
        first: The form's first values.
        section: Which.

    Returns:
        The form's fields by name.
    """
    fields = [field for field in PLAIN if field.section == section]
    shown = [TASK_CLASSES[ONLY_FOR[section]]] if section in ONLY_FOR else []
    title = SECTIONS[section]
    if not title:
        return {field.name: _control(studio, field, first[field.name]) for field in fields}
    with gr.Accordion(title, open=False, elem_id=f"finer-{section}", elem_classes=["finer", *shown]):
        rows: dict[str, Any] = {}
        numbers = [field for field in fields if field.control in TYPED]
        for field in fields:
            if field not in numbers:
                rows[field.name] = _control(studio, field, first[field.name])
        with gr.Row(elem_classes=["numbers"], visible=bool(numbers)):
            for field in numbers:
                rows[field.name] = _control(studio, field, first[field.name])
    return rows


def _control(studio: Studio, field: PlainField, value: Any) -> Any:
    told: dict[str, Any] = {"label": field.label, "info": field.hint, "elem_id": field.name.replace("_", "-")}
    if field.control == "slider":
        bounds = limits(request_with(field.name), field.name)
        return gr.Slider(bounds["minimum"], bounds["maximum"], value=value, step=field.step, buttons=[], **told)
    if field.control in TYPED:
        return gr.Textbox(value, placeholder="Automatic", max_lines=1, min_width=120, **told)  # gr.Number has no empty
    if field.control == "switch":
        return gr.Checkbox(value, **told)
    return gr.Dropdown(choices(studio, field), value=value, **told)
