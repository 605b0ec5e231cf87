"""Telling the visitor one sentence, in a corner of the page, for a while."""

from __future__ import annotations

import html

import gradio as gr

from .wording import page_words

SECONDS = 12.0


def say(sentence: object, *, friendly: bool = False) -> None:
    """Shows a sentence; call it from an event's handler.

    Args:
        sentence: What to say, fields by their request's names; shown as text, whatever it holds.
        friendly: Whether it is a notice and nothing went wrong.
    """
    text = html.escape(page_words(sentence))  # Gradio shows messages as HTML
    if friendly:
        gr.Info(text, duration=SECONDS, title="Note")
    else:
        gr.Warning(text, duration=SECONDS, title="Not yet")
