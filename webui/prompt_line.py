"""The line under the prompt: laid out, and written anew while somebody types; no network is loaded for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import gradio as gr

from pipelines.request import LARGEST_PROMPT
from pipelines.styles_csv import apply_styles
from pipelines.token_counting import TokenCounters

from .form import styles_of
from .listening import Listening
from .prompt_told import prompt_line

if TYPE_CHECKING:
    from .studio import Studio

READ: Final = ("prompt", "negative_prompt", "style", "seed", "model", "num_inference_steps", "prompt_syntax")
"""The form's fields that it depends on, in a fixed order."""


def lay_out_prompt_line() -> gr.HTML:
    """Lays it out, empty."""
    return gr.HTML("", elem_id="prompt-line", padding=False, apply_default_css=False)


def wire_prompt_line(studio: Studio, fields: Mapping[str, Any], line: gr.HTML, listening: Listening) -> None:
    """Connects it: one question at a time is under way, and the newest words are asked about next."""
    counters = TokenCounters()
    read = [name for name in READ if name in fields]

    def tell(*given: Any) -> str:
        values = dict(zip(read, given, strict=True))
        words = tuple(str(values[name] or "")[:LARGEST_PROMPT] for name in ("prompt", "negative_prompt"))
        styled = apply_styles(styles_of(studio, values["style"]), *words) if words[0].strip() else words
        return prompt_line(studio, counters, values, (styled[0], styled[1]))

    told = [fields[name] for name in read]
    listening.when_changed("prompt-telling", told, tell, told, line)
