"""The words on the panel: styles, the prompt with what is said of it, and the negative prompt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from .prompt_line import lay_out_prompt_line
from .style_rows import StyleRows, lay_out_managing, lay_out_style
from .wording import LABELS

if TYPE_CHECKING:
    from .studio import Studio


@dataclass(frozen=True)
class WordsRows:
    """The components.

    Attributes:
        fields: The form's fields by name.
        dice: Asks for a random prompt.
        line: Says how long the prompt is, and what will run.
        negative_section: Holds the negative prompt; open where there is one.
        styles: What manages the Style list.
    """

    fields: dict[str, Any]
    dice: gr.Button
    line: gr.HTML
    negative_section: gr.Accordion
    styles: StyleRows


def lay_out_words(studio: Studio, first: Mapping[str, Any]) -> WordsRows:
    """Lays them out."""
    fields: dict[str, Any] = {}
    with gr.Column(elem_id="words", elem_classes=["section"]):
        fields["style"] = lay_out_style(studio, first["style"])
        with gr.Column(elem_id="prompt-box"):
            fields["prompt"] = gr.Textbox(
                label=LABELS["prompt"], placeholder="What do you want to see?", lines=3, max_lines=10, elem_id="prompt"
            )
            dice = gr.Button("⚄", elem_id="dice", elem_classes=["ghost"], size="sm", min_width=0)
        line = lay_out_prompt_line()
        with gr.Accordion(LABELS["negative_prompt"], open=False, elem_id="negative-section") as negative_section:
            fields["negative_prompt"] = gr.Textbox(
                label=LABELS["negative_prompt"],
                show_label=False,
                container=False,
                placeholder="What do you want to avoid?",
                lines=2,
                max_lines=6,
                elem_id="negative-prompt",
            )
        styles = lay_out_managing(fields["style"])
    return WordsRows(fields, dice, line, negative_section, styles)
