"""Listening to many fields at once, through one hidden component that every one of them wakes.

Three traits of Gradio 6.31 (`dependency.ts`, `dispatch`) make it so. It answers all of an event's listeners again when
one of them that waited is done: two that wait for the newest value wake each other for ever; so each has an event of
its own here. Each time a field changes it looks for every component that the same listener hears, which typing feels;
so what is typed into has a listener for itself. And at the start it asks every component about every listener, which
the first load feels; so all others share one by the dozen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from typing import Any, Final

import gradio as gr

QUIET: Final[dict[str, Any]] = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}

DOZEN: Final = 12


class Listening:
    """Who wants to hear of which fields; nobody hears anything before :meth:`begin`."""

    def __init__(self) -> None:
        self._ears: dict[Any, list[str]] = {}

    def when_changed(
        self,
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
            self._ears.setdefault(field, []).append(name)
        given = {"inputs_kwargs": dict(inputs_kwargs)} if inputs_kwargs else {"inputs": inputs}
        ear.heard(answer, outputs=outputs, js=js, trigger_mode="always_last", **given, **QUIET)

    def begin(self) -> None:
        """Connects the fields, by whom they wake."""
        by_ears = sorted(self._ears.items(), key=lambda item: item[1])
        for names, items in groupby(by_ears, key=lambda item: item[1]):
            fields = [field for field, _ in items]
            typed = [field for field in fields if isinstance(field, gr.Textbox)]
            others = [field for field in fields if not isinstance(field, gr.Textbox)]
            dozens = (others[first : first + DOZEN] for first in range(0, len(others), DOZEN))
            for together in [*([field] for field in typed), *dozens]:
                wake = f"() => {{ reverie.changed({', '.join(map(repr, names))}); }}"
                gr.on([field.change for field in together], None, js=wake, **QUIET)
