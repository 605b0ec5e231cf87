"""The Picture info tab: it takes a picture or a text, and shows what recipe is in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import gradio as gr

from .library.infotext import LONGEST_TEXT
from .source import picture_input

TAB: Final = "picture_info"
TITLE: Final = "Picture info"


@dataclass(frozen=True)
class PictureInfo:
    """The tab's components.

    Attributes:
        tab: The tab itself.
        picture: Takes the picture, its bytes as they are.
        text: Takes a recipe as text.
        read: Reads the text.
        heading: Says who made it.
        use: Fills the form.
        use_prompt: Fills the words.
        start: Makes it the picture to begin with.
        prove: Makes it again.
        proof: Says what came of that.
        table: What was found.
    """

    tab: gr.Tab
    picture: gr.Image
    text: gr.Textbox
    read: gr.Button
    heading: gr.HTML
    use: gr.Button
    use_prompt: gr.Button
    start: gr.Button
    prove: gr.Button
    proof: gr.HTML
    table: gr.HTML


def lay_out_picture_info(tab: gr.Tab) -> PictureInfo:
    """Lays out what the panel shows on this tab instead of the form; which buttons show, the heading decides.

    Args:
        tab: The tab, among the tasks' own.
    """
    with gr.Column(elem_id="picture-info", elem_classes=["section"]):
        picture = picture_input(
            label=TITLE,
            height=170,
            elem_id="info-picture",
            placeholder="# Drop a picture here\nto see how it was made · click or paste works too",
        )
        with gr.Accordion("Paste a recipe as text", open=False, elem_id="info-paste"):
            text = gr.Textbox(
                label="Recipe as text",
                show_label=False,
                container=False,
                placeholder="A prompt with its settings, as other programs copy it",
                lines=4,
                max_lines=10,
                max_length=LONGEST_TEXT,
                elem_id="info-text",
            )
            read = gr.Button("Read the text", size="sm", elem_id="info-read")
        told = gr.HTML(elem_id="info-heading", padding=False, apply_default_css=False)
        with gr.Column(elem_id="info-actions"):
            use = gr.Button("Use these settings", variant="primary", elem_id="info-use")
            use_prompt = gr.Button("Use the prompt only", elem_id="info-use-prompt", size="sm")
            start = gr.Button("Start from this picture", elem_id="info-start", size="sm")
            prove = gr.Button("Prove it", elem_id="info-prove", size="sm")
        proof = gr.HTML(elem_id="info-proof", padding=False, apply_default_css=False)
        found = gr.HTML(elem_id="info-table", padding=False, apply_default_css=False)
    return PictureInfo(tab, picture, text, read, told, use, use_prompt, start, prove, proof, found)
