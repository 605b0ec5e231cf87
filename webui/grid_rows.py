"""Grids and series of prompts on the page: two folded sections, and how many pictures they come to."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import gradio as gr

from .grid_form import count_told, kinds_of_all
from .listening import QUIET, Listening
from .series_fields import AXES, LIST, MANY, MATRIX, ONE, VALUES
from .wording import page_words

if TYPE_CHECKING:
    from .studio import Studio


HELP: Final = (
    '<p class="axis-help"><span>Numbers:</span> <b translate="no">10, 20, 30 · 1-5 · 1-10 (+2) · 0-1 [5]</b><br>'
    "<span>Prompt S/R: the words to look for, then what replaces them.</span> "
    "<span>Models, samplers, styles: names, or nothing for all.</span></p>"
)

LINES_HINT: Final = 'a boat at dusk\na boat in fog --steps 30 --seed 5\n--prompt "a boat, a moon" --cfg_scale 4'


@dataclass(frozen=True)
class GridRows:
    """The components.

    Attributes:
        fields: The form's fields by name.
        count: Says how many pictures will be made, or what is wrong; to be rendered beside the Dream button, so that
            a grid in a folded section takes nobody by surprise.
    """

    fields: dict[str, Any]
    count: gr.HTML


def lay_out_grid(first: Mapping[str, Any]) -> GridRows:
    """Lays them out, folded up.

    Args:
        first: The form's first values.
    """
    fields: dict[str, Any] = {}
    menu = [("Nothing", ""), *((kind.label, kind.id) for kind in kinds_of_all())]
    with gr.Accordion("Grid (X/Y/Z)", open=False, elem_id="grid-section"):
        for name, axis, values in zip("XYZ", AXES, VALUES, strict=True):
            with gr.Row(elem_classes=["axis"]):
                fields[axis] = gr.Dropdown(
                    menu, value=first[axis], label=f"{name} axis", elem_id=axis, scale=2, min_width=110
                )
                fields[values] = gr.Textbox(
                    first[values], label=f"{name} values", elem_id=values, scale=3, max_lines=3, min_width=120
                )
        fields["grid_gap"] = gr.Slider(
            0, 64, value=first["grid_gap"], step=1, label="Gap between pictures", buttons=[], elem_id="grid_gap"
        )
        gr.HTML(HELP, padding=False, apply_default_css=False)
    with gr.Accordion("Several prompts", open=False, elem_id="prompts-section"):
        fields["many_prompts"] = gr.Radio(
            [("One prompt", ONE), ("Prompt matrix", MATRIX), ("Prompts from a list", LIST)],
            value=first["many_prompts"],
            show_label=False,
            container=False,
            elem_id="many-prompts",
        )
        with gr.Column(visible="hidden", elem_id="matrix-options") as matrix:
            gr.HTML(
                '<p class="axis-help">Each part after a bar is once left out and once put in: '
                '<b translate="no">a boat|at dusk|in fog</b></p>',
                padding=False,
                apply_default_css=False,
            )
            fields["matrix_first"] = gr.Checkbox(first["matrix_first"], label="Optional parts first")
            fields["matrix_seeds"] = gr.Checkbox(first["matrix_seeds"], label="A seed of its own for each picture")
        with gr.Column(visible="hidden", elem_id="list-options") as listed:
            fields["prompt_lines"] = gr.Textbox(
                first["prompt_lines"],
                label="One prompt a line",
                info="With flags of its own where it needs them, such as --steps 30",
                placeholder=LINES_HINT,
                lines=4,
                max_lines=14,
                elem_id="prompt-lines",
            )

    def show(how: str) -> list[Any]:
        return [gr.update(visible=how == MATRIX or "hidden"), gr.update(visible=how == LIST or "hidden")]

    fields["many_prompts"].change(show, fields["many_prompts"], [matrix, listed], **QUIET)
    count = gr.HTML("", elem_id="grid-count", padding=False, apply_default_css=False, render=False)
    return GridRows(fields, count)


def wire_grid(studio: Studio, rows: GridRows, form: Mapping[str, Any], listening: Listening) -> None:
    """Counts the pictures whenever something has changed.

    Args:
        studio: Whose names axes can have.
        rows: The components.
        form: All of the form's fields.
        listening: What tells of changes.
    """
    told = {name: rows.fields[name] for name in MANY} | {
        name: form[name] for name in ("prompt", "num_images_per_prompt")
    }

    def count(**values: Any) -> str:
        words = page_words(count_told(studio, values))
        return f'<p class="grid-count" role="status">{html.escape(words)}</p>' if words else ""

    listening.when_changed("grid-counting", told.values(), count, None, rows.count, inputs_kwargs=told)
