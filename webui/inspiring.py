"""Small helps at the form: prompts to begin with, and the seed's buttons."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import gradio as gr

from .dreaming import PRIVATE, SPEAKING
from .saying import say

if TYPE_CHECKING:
    from .panel import Panel
    from .studio import Studio

LONGEST: int = 20_000


def wire_inspiring(studio: Studio, panel: Panel, results: gr.HTML) -> None:
    """Connects the dice, the templates and the seed's buttons."""
    prompt, seed = panel.fields["prompt"], panel.fields["seed"]

    def throw(now: str) -> str:
        return random.choice([one for one in studio.examples if one != now])  # noqa: S311 - nothing to guess

    def template(event: gr.EventData) -> str:
        return str(event.prompt)[:LONGEST]

    def last_seed(request: gr.Request) -> Any:
        newest = studio.library.newest(studio.owner(request.cookies), 1)
        if not newest:
            say("There is no picture yet whose seed could be reused.")
            return gr.skip()
        return str(newest[0].seed)

    panel.dice.click(throw, inputs=prompt, outputs=prompt, queue=False, **PRIVATE)
    tried = results.template(template, outputs=prompt, queue=False, **PRIVATE)
    tried.then(None, js="() => reverie.press('dream')", **PRIVATE)
    panel.last_seed.click(last_seed, outputs=seed, **SPEAKING)
    panel.random_seed.click(None, outputs=seed, js="() => ''", **PRIVATE)
