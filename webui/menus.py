"""Menus whose choices change while the page is open: the request judges what they say, not the list of the moment."""

from __future__ import annotations

from abc import ABCMeta
from typing import Any

import gradio as gr


def _as_it_is(_component: gr.Dropdown, payload: Any) -> Any:
    """What the page says. Gradio would compare it with choices that another event may just have changed."""
    return payload


Menu: type[gr.Dropdown] = ABCMeta.__new__(
    type(gr.Dropdown),  # around Gradio's own metaclass, which would write a .pyi file beside this one
    "Dropdown",  # the name by which the page knows how to show it
    (gr.Dropdown,),
    {"__module__": __name__, "__doc__": "A ``gr.Dropdown`` that refuses nothing.", "preprocess": _as_it_is},
)
"""A ``gr.Dropdown`` whose value reaches us whatever its choices are by then; the answer is a sentence."""
