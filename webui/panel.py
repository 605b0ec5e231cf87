"""The left panel: what to dream of, and how; one set of controls that every task shares."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import gradio as gr

from pipelines.samplers import sampler_choices, schedule_choices

from .controls import slider
from .editing_rows import EditingRows, lay_out_editing
from .extras_rows import ExtrasRows, lay_out_extras
from .form import first_values
from .grid_rows import GridRows, lay_out_grid
from .menus import Menu
from .model_menu import lacking_notes, model_choices
from .picture_info import TAB, TITLE, PictureInfo, lay_out_picture_info
from .plain_controls import lay_out_section
from .plain_fields import FOR_ALL, FOR_PICTURES
from .sizes import stops
from .source import picture_input
from .studio import Studio
from .style_rows import StyleRows
from .tabs import image_to_image, inpaint, text_to_image
from .wording import LABELS
from .words_rows import lay_out_words

TASKS: Final = (text_to_image, image_to_image, inpaint)

SIZES_TEMPLATE: Final = """
<div class="sizes" data-mode="ratio">
  <label class="follow"><input type="checkbox" data-part="follow"> Size from the picture</label>
  <div class="sizes-head"><span class="shape wide" aria-hidden="true"></span>
    <output data-part="label">1 : 1</output><span class="shape tall" aria-hidden="true"></span></div>
  <input type="range" min="0" max="0" step="1" data-part="slider" aria-label="Ratio">
  <div class="own" data-part="own" hidden>
    <label>Width <input type="number" data-part="width" min="64" max="2048" step="8"></label>
    <span aria-hidden="true">×</span>
    <label>Height <input type="number" data-part="height" min="64" max="2048" step="8"></label></div>
  <div class="sizes-foot"><span data-part="pixels"></span>
    <button type="button" class="link" data-part="toggle">Set width and height</button></div>
  <span data-part="shape" hidden></span>
</div>
"""


CHIP_TEMPLATE: Final = """
<div class="seed-chip" hidden><span></span>
  <button type="button" title="{label}" aria-label="{label}">×</button></div>
"""


@dataclass(frozen=True)
class Panel:
    """The panel's components.

    Attributes:
        fields: What a request is made from, by name.
        tabs: The task tabs.
        tab_items: Each task's tab.
        info: The tab that reads pictures instead.
        dice: Asks for a random prompt.
        random_seed: Empties the seed.
        last_seed: Asks for the newest picture's seed.
        negative_section: Holds the negative prompt; open where there is one.
        source_note: Says the size of the picture to begin with.
        branch_chip: Says from where a branch goes on; its event ``free`` ends it.
        seed_chip: Shows the seed while one is set; its event ``free`` asks for a random one.
        model_note: Says what choosing a model has done to the settings.
        task_note: Says so where the model cannot do the open tab's task.
        model_before: Holds the model that was chosen before.
        extras: The LoRA rows and the VAE menu.
        editing: Growing, loopback, many pictures, and a mask from transparency.
        grid: Grids and series of prompts.
        styles: What manages the Style list.
        prompt_line: Says how long the prompt is, and what will run.
        dream: Starts.
        stop: Ends what runs.
    """

    fields: dict[str, Any]
    tabs: gr.Tabs
    tab_items: Mapping[str, gr.Tab]
    info: PictureInfo
    dice: gr.Button
    random_seed: gr.Button
    last_seed: gr.Button
    negative_section: gr.Accordion
    source_note: gr.HTML
    seed_chip: gr.HTML
    branch_chip: gr.HTML
    model_note: gr.HTML
    task_note: gr.HTML
    model_before: gr.Textbox
    extras: ExtrasRows
    editing: EditingRows
    grid: GridRows
    styles: StyleRows
    prompt_line: gr.HTML
    dream: gr.Button
    stop: gr.Button


def lay_out_panel(studio: Studio) -> Panel:
    """Lays the panel out, top to bottom as in Dream Studio."""
    first = first_values(studio)
    fields: dict[str, Any] = {}
    tab_items = {}
    with gr.Tabs(elem_id="tasks", selected=text_to_image.TASK) as tabs:
        for task in TASKS:
            tab_items[task.TASK] = gr.Tab(task.TITLE, id=task.TASK, elem_classes=["task-tab"])
        info_tab = gr.Tab(TITLE, id=TAB, elem_classes=["task-tab"])
    info = lay_out_picture_info(info_tab)
    task_note = gr.HTML(
        lacking_notes(studio, first["model"]), elem_id="task-note", padding=False, apply_default_css=False
    )
    fields["task"] = gr.Textbox(text_to_image.TASK, visible="hidden", elem_id="task")
    words = lay_out_words(studio, first)
    fields |= words.fields
    with gr.Column(elem_id="image-section", elem_classes=["section"]):
        fields["source"] = picture_input(
            label=LABELS["image"],
            height=170,
            elem_id="source",
            placeholder="# Drop an image here\nor click to upload · paste works too",
        )
        source_note = gr.HTML(elem_id="source-note", padding=False)
        fields["parent"] = gr.Textbox("", visible="hidden", elem_id="parent")
        fields |= image_to_image.lay_out()
        fields |= inpaint.lay_out()
        for section in FOR_PICTURES:
            fields |= lay_out_section(studio, first, section)
        editing = lay_out_editing()
        fields |= editing.fields
        fields["background"] = gr.ColorPicker(
            first["background"], label="Behind transparent parts", elem_id="background", visible=False
        )
    with gr.Accordion("Settings", open=True, elem_id="settings", elem_classes=["section"]):
        fields["size"] = _sizes(studio, first["size"], "size")
        fields["picture_size"] = _sizes(studio, first["picture_size"], "picture-size")
        fields["num_images_per_prompt"] = slider("num_images_per_prompt", first["num_images_per_prompt"])
    with gr.Accordion("Advanced", open=False, elem_id="advanced", elem_classes=["section"]):
        fields["guidance_scale"] = slider("guidance_scale", first["guidance_scale"], step=0.1)
        fields["num_inference_steps"] = slider("num_inference_steps", first["num_inference_steps"])
        with gr.Row(elem_id="seed-row"):
            fields["seed"] = gr.Textbox(label=LABELS["seed"], placeholder="Auto", max_lines=1, elem_id="seed", scale=1)
            random_seed = gr.Button("Auto", elem_id="random-seed", size="sm", min_width=0, scale=0)
            last_seed = gr.Button("Reuse last", elem_id="last-seed", size="sm", min_width=0, scale=0)
        fields["model"] = Menu(
            model_choices(studio),
            value=first["model"],
            label=LABELS["model"],
            elem_id="model",
        )
        model_note = gr.HTML(elem_id="model-note", padding=False, apply_default_css=False)
        model_before = gr.Textbox("", visible="hidden", elem_id="model-before")
        extras = lay_out_extras(studio, first)
        fields |= extras.fields
        fields["sampler"] = Menu(
            sampler_choices(), value=first["sampler"], label=LABELS["scheduler"], elem_id="scheduler"
        )
        fields["schedule"] = Menu(
            schedule_choices(first["sampler"]), value=first["schedule"], label="Noise schedule", elem_id="schedule"
        )
        for section in FOR_ALL:
            fields |= lay_out_section(studio, first, section)
        grid = lay_out_grid(first)
        fields |= grid.fields
    with gr.Row(elem_id="dream-bar"):
        grid.count.render()  # type: ignore[no-untyped-call]
        fields["branch"] = gr.Textbox("", visible="hidden", elem_id="branch")
        branch_chip = _chip("branch-chip", "branchChip", "End the branch")
        seed_chip = _chip("seed-chip", "seed", "Use a random seed again")
        dream = gr.Button("Dream", variant="primary", elem_id="dream", scale=1)
        stop = gr.Button("Stop", elem_id="stop", min_width=0, scale=0)
    return Panel(
        fields=fields,
        tabs=tabs,
        tab_items=tab_items,
        info=info,
        dice=words.dice,
        random_seed=random_seed,
        last_seed=last_seed,
        negative_section=words.negative_section,
        source_note=source_note,
        seed_chip=seed_chip,
        branch_chip=branch_chip,
        model_note=model_note,
        task_note=task_note,
        model_before=model_before,
        extras=extras,
        editing=editing,
        grid=grid,
        styles=words.styles,
        prompt_line=words.line,
        dream=dream,
        stop=stop,
    )


def _chip(name: str, script: str, label: str) -> gr.HTML:
    """What the next pictures are bound to, beside Dream, with a button that ends it."""
    return gr.HTML(
        "",
        html_template=CHIP_TEMPLATE.format(label=label),
        js_on_load=f"/* 'free' */ reverie.{script}(element, props, watch, trigger)",
        apply_default_css=False,
        elem_id=name,
    )


def _sizes(studio: Studio, value: str, name: str) -> gr.HTML:
    return gr.HTML(
        value,
        html_template=SIZES_TEMPLATE,
        js_on_load="reverie.sizes(element, props, watch)",
        apply_default_css=False,
        elem_id=name,
        stops=json.dumps(stops(studio.model(None))),
        picture="",
    )
