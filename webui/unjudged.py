"""Gradio's own components, with what the page sends handed to us before Gradio judges or decodes it."""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Callable
from typing import Any, TypeVar

import gradio as gr

Component = TypeVar("Component", bound=gr.components.Component)


def unjudged(component: type[Component], preprocess: Callable[[Any, Any], Any], doc: str) -> type[Component]:
    """Makes a component like another but for what becomes of its value.

    Args:
        component: Gradio's; the page shows the new one by its name.
        preprocess: Given the component and what the page sent; gives what handlers get.
        doc: The new component's docstring.
    """
    made: type[Component] = ABCMeta.__new__(
        type(component),  # around Gradio's own metaclass, which would write a .pyi file beside this one
        component.__name__,
        (component,),
        {"__module__": __name__, "__doc__": doc, "preprocess": preprocess},
    )
    return made
