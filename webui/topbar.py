"""The slim bar at the top: the name, what the model is doing, the keys."""

from __future__ import annotations

from typing import Final

import gradio as gr

TEMPLATE: Final = """
<header class="topbar">
  <a class="brand" href="./" aria-label="Reverie, start page">
    <svg viewBox="0 0 32 32" aria-hidden="true"><defs><linearGradient id="moon" x1="0" y1="0" x2="1" y2="1">
      <stop offset="0" stop-color="#cfc3ff"/><stop offset="1" stop-color="#7c57f2"/></linearGradient></defs>
      <path d="M20.500 4.600A12 12 0 1 0 27.400 20.400 9.800 9.800 0 0 1 20.500 4.600Z" fill="url(#moon)"/>
      <circle cx="25" cy="8" r="1.900" fill="#ecebf2"/></svg><span>Reverie</span></a>
  <nav class="rooms" aria-label="Rooms"><button type="button" data-to="studio" aria-current="page">Dream</button>
    <button type="button" data-to="library">Library</button>
    <button type="button" data-to="models">Models</button>
    <button type="button" data-to="settings">Settings</button></nav>
  <p class="status" title="What the model is doing"><i aria-hidden="true"></i>
    <span id="status-text">Starting…</span></p>
  <p class="keys"><kbd>Ctrl</kbd><kbd>↵</kbd> Dream <kbd>Esc</kbd> Stop
    <button type="button" class="link" onclick="reverie.palette()"><kbd>Ctrl</kbd><kbd>K</kbd> Actions</button></p>
  <button type="button" class="tool look" onclick="reverie.look.next()" aria-label="Look: dark; change it">
    <svg class="glyph" viewBox="0 0 24 24" aria-hidden="true"><path d="M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16"/>
    </svg></button>
</header>
"""


def lay_out_topbar() -> gr.HTML:
    """Lays out the bar; the results' script keeps its status true."""
    script = "reverie.look.apply(); reverie.openRoom()"
    return gr.HTML("", html_template=TEMPLATE, js_on_load=script, apply_default_css=False, elem_id="topbar")
