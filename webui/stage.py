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
  <div class="easel-bar"><div class="easel-tools" role="toolbar" aria-label="Mask tools" data-part="tools"></div>
    <label class="brush-size">Brush size <input type="range" min="0.5" max="60" step="0.25" value="16"
      data-part="size"></label></div>
  <div class="easel-frame" data-part="frame" data-tool="brush" tabindex="0" role="application"
    aria-label="Picture to paint the mask on" aria-describedby="easel-told" hidden>
    <div class="easel-sheet" data-part="sheet">
      <img data-part="picture" alt="The picture to change" draggable="false">
      <canvas data-part="mask" width="1" height="1" role="img" aria-label="Mask"></canvas></div>
    <span class="ring" data-part="ring" hidden></span></div>
  <div class="easel-foot"><p class="easel-hint">Brush over what should change. The rest stays exactly as it is.</p>
    <p class="easel-legend"><span><i class="changes"></i>Changes</span>
      <span><i class="stays"></i>Stays exactly as it is</span></p>
    <details class="easel-keys"><summary>Keys</summary><dl>
      <div><dt>Zoom</dt><dd><kbd>Ctrl</kbd> + wheel, <kbd>+</kbd> <kbd>−</kbd></dd></div>
      <div><dt>Fit the picture</dt><dd><kbd>0</kbd></dd></div>
      <div><dt>Move the picture</dt><dd><kbd>Space</kbd> + drag, middle button</dd></div>
      <div><dt>Brush, eraser, hand</dt><dd><kbd>B</kbd> <kbd>E</kbd> <kbd>H</kbd></dd></div>
      <div><dt>Brush size</dt><dd><kbd>[</kbd> <kbd>]</kbd></dd></div>
      <div><dt>Straight line</dt><dd><kbd>Shift</kbd> + click</dd></div>
      <div><dt>Undo</dt><dd><kbd>Ctrl</kbd> <kbd>Z</kbd></dd></div>
      <div><dt>Redo</dt><dd><kbd>Ctrl</kbd> <kbd>Shift</kbd> <kbd>Z</kbd></dd></div>
      <div><dt>Invert mask</dt><dd><kbd>I</kbd></dd></div>
      <div><dt>Move the brush</dt><dd>arrows, <kbd>Shift</kbd> for far</dd></div>
      <div><dt>Paint</dt><dd>hold <kbd>Space</kbd> or <kbd>Enter</kbd></dd></div>
      <div><dt>Move it by keys</dt><dd><kbd>H</kbd>, then arrows</dd></div></dl></details></div>
  <p class="only-heard" id="easel-told">Arrow keys move the brush, with Shift farther, and the picture follows; Space or
    Enter paints, also while held; with Shift it draws a straight line from where was painted last. With the hand, H,
    arrow keys move the picture; B is the brush, E the eraser. Plus and minus zoom, 0 fits the picture.</p>
  <p class="easel-empty" data-part="empty">Upload an image, or send a result here, then brush over the
    part that should change.</p>
  <svg class="only-heard" width="0" height="0" aria-hidden="true"><filter id="easel-soft" x="0" y="0" width="1"
    height="1" color-interpolation-filters="sRGB"><feGaussianBlur in="SourceAlpha" data-part="blur" stdDeviation="0"/>
    <feComponentTransfer result="edge"><feFuncA type="linear" slope="2" intercept="-1"/></feComponentTransfer>
    <feComposite in="SourceGraphic" in2="edge" operator="in"/></filter></svg>
</div>
"""


def lay_out_easel() -> gr.HTML:
    """The easel; its value is the mask, its ``picture`` the address of what is painted on, its ``sizes`` how many
    pixels wide that is, and is worked on.
    """
    return gr.HTML(
        "",
        html_template=EASEL_TEMPLATE,
        js_on_load="reverie.easel(element, props, watch)",
        apply_default_css=False,
        elem_id="easel",
        picture="",
        sizes="",
    )


def lay_out_results(studio: Studio) -> gr.HTML:
    """The results; its value is the id of the job that was handed in last, which makes the page watch.

    Its events: ``send``, ``reuse``, ``branch``, ``vary``, ``enlarge``, ``replay``, ``stop``, ``steer`` and
    ``template``, each with a few plain values.
    """
    return gr.HTML(
        "",
        html_template=RESULTS_TEMPLATE,
        # Gradio looks for the events' names here
        js_on_load="/* 'send' 'reuse' 'branch' 'vary' 'enlarge' 'replay' 'stop' 'steer' 'template' */"
        "reverie.results(element, trigger, props, watch)",
        apply_default_css=False,
        elem_id="results",
        welcome=json.dumps({"examples": studio.examples[:8], "hint": HINT}),
    )
