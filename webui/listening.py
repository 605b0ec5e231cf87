"""Listening to many fields at once, through one hidden component that every one of them wakes.

Gradio 6.31 runs all of an event's listeners again when a waiting one of them is done (`dependency.ts`, `dispatch`): two
that wait for the newest value wake each other for ever, and no pause ever comes. So each has an event of its own here.
It also looks for every component that an event listens to, each time one of them changes: one is found quickly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import gradio as gr

QUIET: Final[dict[str, Any]] = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}


def when_changed(
    name: str,
    fields: Iterable[Any],
    answer: Callable[..., Any] | None,
    inputs: list[Any] | None,
    outputs: Any,
    *,
    inputs_kwargs: Mapping[str, Any] | None = None,
    js: str | None = None,
    pause: int = 0,
) -> None:
    """Answers whenever one of the fields has changed; one answer at a time, the last with the newest values.

    Args:
        name: The hidden component's id in the page; no other may have it.
        fields: The components that are listened to.
        answer: Called with the inputs' values; None where the script does it all.
        inputs: What it is given by position.
        outputs: What it fills.
        inputs_kwargs: What it is given by name, instead of ``inputs``.
        js: A script that runs in the page before it, as Gradio's events have it.
        pause: Milliseconds for which changes that follow the first must have stopped; 0 answers each at once.
    """
    ear = gr.HTML(
        "",
        html_template="<i></i>",
        js_on_load=f"reverie.listening('{name}', () => trigger('heard'), {pause})",
        apply_default_css=False,
        visible="hidden",
        elem_id=name,
    )
    for field in fields:
        field.change(None, js=f"() => {{ reverie.changed('{name}'); }}", **QUIET)
    given = {"inputs_kwargs": dict(inputs_kwargs)} if inputs_kwargs else {"inputs": inputs}
    ear.heard(answer, outputs=outputs, js=js, trigger_mode="always_last", **given, **QUIET)
