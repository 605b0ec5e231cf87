"""Menus whose choices change while the page is open: the request judges what they say, not the list of the moment."""

from __future__ import annotations

from typing import Any

import gradio as gr

from .unjudged import unjudged


def _as_it_is(_component: gr.Dropdown, payload: Any) -> Any:
    """What the page says. Gradio would compare it with choices that another event may just have changed."""
    return payload


Menu: type[gr.Dropdown] = unjudged(gr.Dropdown, _as_it_is, "A ``gr.Dropdown`` that refuses nothing.")
"""A ``gr.Dropdown`` whose value reaches us whatever its choices are by then; the answer is a sentence."""
