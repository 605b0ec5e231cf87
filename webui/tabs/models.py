"""Models: what there is, what is loaded, and how each is run on this machine; a room of its own beside the studio."""

from __future__ import annotations

from typing import Final

import gradio as gr

TEMPLATE: Final = """
<section class="models" aria-label="Models">
  <header class="models-head">
    <div><h2>Models</h2><p data-part="machine" class="models-machine">Looking…</p></div>
    <button type="button" class="chip" data-part="refresh">Look again</button>
  </header>
  <div class="models-memory" data-part="memory" hidden><i></i></div>
  <form class="models-get" data-part="get" hidden>
    <label for="hub-id">Get a model</label>
    <input id="hub-id" data-part="hub" placeholder="Hub id, owner/name" autocomplete="off" spellcheck="false"
      maxlength="200">
    <button class="chip" type="submit">Download</button>
  </form>
  <div data-part="fetching" class="models-fetching"></div>
  <p data-part="place" class="models-place"></p>
  <div data-part="models" class="models-list"></div>
  <h3 data-part="refused-title" hidden>Cannot be used</h3>
  <div data-part="refused" class="models-list"></div>
</section>
"""


def lay_out_models() -> gr.HTML:
    """Lays the room out; its script asks for everything it shows when it is opened."""
    return gr.HTML(
        "",
        html_template=TEMPLATE,
        js_on_load="reverie.models(element)",
        apply_default_css=False,
        elem_id="models-room",
    )
