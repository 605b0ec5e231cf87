"""The right side: the easel for masks, and the results."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import gradio as gr

if TYPE_CHECKING:
    from .studio import Studio

HINT: Final = (
    "This is Reverie's own small demonstration model: it knows simple things, colours and moods, and makes little "
    "pictures in seconds. For a big model, put its .safetensors file into a folder named models beside launch.py and "
    "start again, or see Models above; then choose it under Advanced."
)

RESULTS_TEMPLATE: Final = """
<div class="results">
  <p id="announcer" class="only-heard" role="status" aria-live="polite"></p>
  <div data-part="live"></div>
  <div data-part="welcome" class="welcome" hidden>
    <h2>What do you want to see?</h2>
    <p class="lead">Pick a prompt to begin with, or write your own and press Dream.</p>
    <div data-part="cards" class="cards"></div>
    <p data-part="hint" class="hint"></p>
  </div>
  <div data-part="shelf" class="shelf" role="search" hidden></div>
  <div data-part="feed" class="feed"></div>
  <p data-part="nothing" class="nothing" hidden>No picture answers this search.</p>
  <p data-part="end" class="end" hidden>Older pictures are coming…</p>
  <div data-part="chosen" class="chosen" role="toolbar" aria-label="Selected pictures" hidden></div>
</div>
"""

EASEL_TEMPLATE: Final = """
<div class="easel blank">
  <div class="easel-bar"><div class="tools" role="toolbar" aria-label="Mask tools" data-part="tools"></div>
    <label class="brush-size">Brush size <input type="range" min="2" max="60" value="16" data-part="size"></label>
    <p class="easel-hint">Brush over what should change. The rest stays exactly as it is.</p></div>
  <div class="easel-frame" data-part="frame" tabindex="0" aria-label="Picture to paint the mask on" hidden>
    <img data-part="picture" alt="The picture to change" draggable="false">
    <canvas data-part="mask" width="1" height="1" aria-label="Mask"></canvas>
    <span class="ring" data-part="ring" hidden></span></div>
  <p class="easel-empty" data-part="empty">Upload an image, or send a result here, then brush over the
    part that should change.</p>
</div>
"""


def lay_out_easel() -> gr.HTML:
    """The easel; its value is the mask, its ``picture`` the address of what is painted on."""
    return gr.HTML(
        "",
        html_template=EASEL_TEMPLATE,
        js_on_load="reverie.easel(element, props, watch)",
        apply_default_css=False,
        elem_id="easel",
        picture="",
    )


def lay_out_results(studio: Studio) -> gr.HTML:
    """The results; its value is the id of the job that was handed in last, which makes the page watch.

    Its events: ``send``, ``reuse``, ``vary``, ``enlarge``, ``stop``, ``steer`` and ``template``, each with a few
    plain values.
    """
    return gr.HTML(
        "",
        html_template=RESULTS_TEMPLATE,
        # Gradio looks for the events' names here
        js_on_load="/* 'send' 'reuse' 'vary' 'enlarge' 'stop' 'steer' 'template' */"
        "reverie.results(element, trigger, props, watch)",
        apply_default_css=False,
        elem_id="results",
        welcome=json.dumps({"examples": studio.examples[:8], "hint": HINT}),
    )
