"""Settings: what this browser is to do and how the page looks; a room of its own beside the studio."""

from __future__ import annotations

from html import escape
from typing import Final

import gradio as gr

from webui.languages import language_names

TEMPLATE: Final = """
<section class="settings" aria-label="Settings">
  <h2>Settings</h2>
  <p class="lead">They hold for this browser and are kept in it.</p>
  <fieldset><legend>Look</legend>
    <label><input type="radio" name="look" value="dark"> Dark</label>
    <label><input type="radio" name="look" value="light"> Light</label>
    <label><input type="radio" name="look" value="system"> As the system has it</label></fieldset>
  <fieldset><legend>Language</legend>
    <label><select data-part="language" aria-label="Language"><option value="">As the browser has it</option>
      LANGUAGES</select></label></fieldset>
  <fieldset><legend>When pictures took longer than ten seconds</legend>
    <label><input type="checkbox" data-part="sound"> Play a sound</label>
    <label><input type="checkbox" data-part="message"> Show a message of the system</label></fieldset>
  <fieldset><legend>Keys</legend>
    <dl><dt><kbd>Ctrl</kbd> <kbd>↵</kbd></dt><dd>Dream</dd><dt><kbd>Esc</kbd></dt><dd>Stop</dd>
      <dt><kbd>Ctrl</kbd> <kbd>K</kbd></dt><dd>Every action by its name</dd>
      <dt><kbd>Ctrl</kbd> <kbd>↑</kbd> <kbd>↓</kbd></dt><dd>The word at the caret counts more, or less</dd>
      <dt><kbd>←</kbd> <kbd>→</kbd></dt>
      <dd>The next picture in the viewer</dd><dt><kbd>F</kbd></dt><dd>Star the picture in the viewer</dd>
      <dt><kbd>S</kbd></dt><dd>Download the picture in the viewer</dd>
      <dt><kbd>C</kbd></dt><dd>Compare it with what it was made from</dd>
      <dt><kbd>R</kbd></dt><dd>Replay its chain</dd>
      <dt><kbd>Del</kbd></dt><dd>Move it to the trash</dd>
      <dt><kbd>B</kbd> <kbd>E</kbd> <kbd>H</kbd></dt><dd>Brush, eraser and hand, while painting a mask</dd>
      <dt><kbd>[</kbd> <kbd>]</kbd></dt><dd>A smaller or larger brush</dd></dl>
  </fieldset>
  <fieldset><legend>What this browser remembers</legend>
    <p>Every field of the form, the mask being painted, and the choices above. Your pictures are not among them: they
      are kept in the studio.</p>
    <button type="button" class="chip" data-part="forget">Forget it, and begin anew</button></fieldset>
</section>
"""


def lay_out_settings() -> gr.HTML:
    """Lays the room out; its script keeps every choice."""
    names = {"en": "English", **language_names()}
    options = "".join(
        f'<option value="{escape(code)}" lang="{escape(code)}" translate="no">{escape(name)}</option>'
        for code, name in names.items()
    )
    return gr.HTML(
        "",
        html_template=TEMPLATE.replace("LANGUAGES", options),
        js_on_load="reverie.settings(element)",
        apply_default_css=False,
        elem_id="settings-room",
    )
