"""The form filled from a recipe: which of its fields one can fill, and the updates that do it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import gradio as gr

from pipelines.samplers import schedule_choices

from .sizes import stops

if TYPE_CHECKING:
    from .studio import Studio

FILLED: Final = (
    "style",
    "prompt",
    "negative_prompt",
    "image_strength",
    "repaint_strength",
    "mask_blur",
    "size",
    "picture_size",
    "guidance_scale",
    "num_inference_steps",
    "seed",
    "model",
    "sampler",
    "schedule",
)
"""The form's fields that a recipe can fill, in a fixed order."""


def form_updates(studio: Studio, values: Mapping[str, Any]) -> list[Any]:
    """One update for each of :data:`FILLED`; fields without a value stay as they are.

    Args:
        studio: Knows the sizes of a model.
        values: The form's values by name.
    """
    updates = {name: {"value": values[name]} for name in FILLED if name in values}
    if "schedule" in updates:
        updates["schedule"]["choices"] = schedule_choices(values["sampler"])
    if "model" in values:
        told = json.dumps(stops(studio.model(values["model"])))
        for name in ("size", "picture_size"):
            updates.setdefault(name, {})["stops"] = told
    return [gr.update(**updates[name]) if name in updates else gr.skip() for name in FILLED]
