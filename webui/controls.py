"""One control for each request field: its limits from the request, its label in Dream Studio's words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import gradio as gr

from pipelines.errors import InvalidRequest
from pipelines.request import InpaintRequest, limits

from .wording import LABELS

HINTS: Final[Mapping[str, str]] = {
    "guidance_scale": "How closely the picture follows your prompt",
    "num_inference_steps": "How many times the picture is refined",
    "strength": "How much of the image is kept",
    "mask_blur": "Soft edge of the edit, in pixels",
    "refiner_switch": "Share of the steps after which it takes over",
}


def slider(field: str, value: float, *, step: float = 1, **more: Any) -> gr.Slider:
    """A slider for a numeric request field, with the request's own limits.

    Args:
        field: The request field's name.
        value: Where it stands first.
        step: Distance between stops.
        more: What ``gr.Slider`` takes besides.
    """
    bounds = limits(InpaintRequest, field)  # the request with every field there is
    return gr.Slider(
        bounds["minimum"],
        bounds["maximum"],
        value=value,
        step=step,
        label=LABELS[field],
        info=HINTS.get(field),
        buttons=[],
        **{"elem_id": field, **more},
    )


def strength_slider(value: int, *, name: str, **more: Any) -> gr.Slider:
    """Dream Studio's image strength, in percent: 100 keeps the image as it is, 0 starts from nothing."""
    hint = HINTS["strength"]
    return gr.Slider(
        0, 100, value=value, step=1, label=LABELS["strength"], info=hint, buttons=[], **{"elem_id": name, **more}
    )


def strength_of(image_strength: object, num_inference_steps: object = None) -> float:
    """Turns image strength in percent into diffusers' ``strength``, its opposite: here, once, and nowhere else.

    Args:
        image_strength: Percent of the image that is kept.
        num_inference_steps: Steps asked for; where given, at least one of them must be left to run.

    Raises:
        InvalidRequest: It is no number from 0 to 100, or leaves no step; the request would speak of its opposite.
    """
    good = isinstance(image_strength, (int, float)) and not isinstance(image_strength, bool)
    if not good or not math.isfinite(float(str(image_strength))) or not 0 <= float(str(image_strength)) <= 100:
        raise InvalidRequest("strength", f"image strength is {image_strength!r}; it must be a number from 0 to 100.")
    strength = round(1 - float(str(image_strength)) / 100, 4)
    if isinstance(num_inference_steps, int) and num_inference_steps >= 1 > int(num_inference_steps * strength):
        raise InvalidRequest(
            "strength",
            f"image strength is {image_strength:g}, which leaves less than one of {num_inference_steps} steps; "
            "lower it, or raise num_inference_steps.",
        )
    return strength


def image_strength_of(strength: float) -> int:
    """The other way: what the slider shows for diffusers' ``strength``."""
    return round((1 - strength) * 100)


def whole(value: object) -> object:
    """Gives 4.0 as 4: the page's sliders send every number as a float when they like."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
