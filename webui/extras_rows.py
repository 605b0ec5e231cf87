"""The LoRA rows, the VAE and the refiner on the page, with the words that call on each LoRA."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import gradio as gr

from pipelines.lora_tags import LARGEST_WEIGHT, MOST_ROWS

from .controls import slider
from .extras_form import NAMES, SWITCHES, WEIGHTS, lora_choices, loras_of, refiner_choices, vae_choices
from .listening import QUIET
from .menus import Menu
from .model_menu import model_choices
from .wording import LABELS

if TYPE_CHECKING:
    from .studio import Studio


NONE_YET: Final = (
    '<p class="extras-none">No LoRA or VAE files here yet; put them into the folders Lora and VAE beside your models, '
    "as the Models tab shows, and reload the page.</p>"
)


@dataclass(frozen=True)
class ExtrasRows:
    """The components.

    Attributes:
        fields: The form's fields by name.
        words: The words to call on each row's LoRA with.
        section: Holds the rows; the page's script shows a row once the one before has a LoRA.
        refining: Holds the refiner's menu and slider.
        nothing: Says how to have any, where there are none.
        vae_box: Holds the VAE menu.
    """

    fields: dict[str, Any]
    words: tuple[gr.HTML, ...]
    section: gr.Column
    refining: gr.Column
    nothing: gr.HTML
    vae_box: gr.Column


def lay_out_extras(studio: Studio, first: Mapping[str, Any]) -> ExtrasRows:
    """Lays them out; hidden where there is nothing to choose from."""
    loras, vaes = lora_choices(studio), vae_choices(studio)
    fields: dict[str, Any] = {}
    with gr.Column(elem_id="vae-box", visible=len(vaes) > 1) as vae_box:
        fields["vae"] = Menu(vaes, value=first["vae"], label=LABELS["vae"], elem_id="vae")
    refiners = refiner_choices(studio)
    with gr.Column(elem_id="refining", visible=len(refiners) > 1) as refining:
        fields["refiner"] = Menu(refiners, value=first["refiner"], label=LABELS["refiner"], elem_id="refiner")
        fields["refiner_switch"] = slider("refiner_switch", first["refiner_switch"], step=0.05)
    words = []
    with gr.Column(elem_id="loras", visible=len(loras) > 1) as section:
        for number in range(MOST_ROWS):
            with gr.Column(elem_classes=["lora-row", *(["open"] if number == 0 else [])]):
                name, weight, switch = NAMES[number], WEIGHTS[number], SWITCHES[number]
                label = LABELS["loras"] if number == 0 else f"{LABELS['loras']} {number + 1}"
                with gr.Row(elem_classes=["lora-head"]):
                    fields[name] = Menu(loras, value=first[name], label=label, elem_id=name, scale=1)
                    fields[switch] = gr.Checkbox(
                        first[switch], label="On", elem_id=switch, container=False, min_width=0, scale=0
                    )
                fields[weight] = gr.Slider(
                    -LARGEST_WEIGHT,
                    LARGEST_WEIGHT,
                    value=first[weight],
                    step=0.05,
                    label="Weight",
                    buttons=[],
                    elem_id=weight,
                )
                words.append(gr.HTML("", elem_classes=["lora-words"], padding=False, apply_default_css=False))
    nothing = gr.HTML(NONE_YET, elem_id="extras-none", padding=False, visible=_shown(len(loras) + len(vaes) == 2))
    return ExtrasRows(fields, tuple(words), section, refining, nothing, vae_box)


def wire_extras(studio: Studio, page: gr.Blocks, rows: ExtrasRows, model: gr.Dropdown) -> None:
    """Shows the words of the chosen LoRAs, and files and models that are new when the page is opened."""
    names = [rows.fields[name] for name in NAMES]

    def words(*chosen: str) -> list[str]:
        triggers = {file.id: file.triggers for file in loras_of(studio)}
        return [trigger_words(triggers.get(name, ())) for name in chosen]

    def refresh() -> list[Any]:
        loras, vaes, refiners = lora_choices(studio), vae_choices(studio), refiner_choices(studio)
        return [
            gr.update(visible=len(loras) > 1),
            gr.update(visible=len(refiners) > 1),
            gr.update(choices=refiners),
            gr.update(visible=_shown(len(loras) + len(vaes) == 2)),
            gr.update(choices=vaes),
            gr.update(visible=len(vaes) > 1),
            gr.update(choices=model_choices(studio)),
            *(gr.update(choices=loras) for _ in NAMES),
        ]

    show = "(...chosen) => reverie.loraRows(chosen)"
    gr.on([name.change for name in names], words, names, list(rows.words), js=show, **QUIET)
    sections = [
        rows.section,
        rows.refining,
        rows.fields["refiner"],
        rows.nothing,
        rows.fields["vae"],
        rows.vae_box,
        model,
    ]
    switch = "(chosen) => { document.getElementById('refining')?.classList.toggle('used', Boolean(chosen)); }"
    rows.fields["refiner"].change(None, rows.fields["refiner"], js=switch, **QUIET)
    page.load(refresh, None, [*sections, *names], **QUIET)


def trigger_words(words: tuple[str, ...]) -> str:
    """The words to call on a LoRA with, each a button that the page's script puts into the prompt."""
    if not words:
        return ""
    buttons = "".join(
        f'<button type="button" class="trigger" data-word="{html.escape(word, quote=True)}" '
        f'title="Add to the prompt">{html.escape(word)}</button>'
        for word in words
    )
    return f'<div class="triggers"><span>Its words</span>{buttons}</div>'


def _shown(shown: bool) -> bool | Literal["hidden"]:
    """Hidden parts stay in the page, so that what they hold is remembered with the rest."""
    return True if shown else "hidden"
