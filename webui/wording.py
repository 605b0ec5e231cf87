"""A request's sentences in the page's words: programs read "mask_image is empty", people "Mask is empty"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from pipelines.errors import InvalidRequest
from pipelines.request import InpaintRequest
from pipelines.sampler_table import NATIVE
from pipelines.samplers import find_sampler

from .plain_fields import PLAIN

LABELS: Final[Mapping[str, str]] = {
    "prompt": "Prompt",
    "negative_prompt": "Negative prompt",
    "num_inference_steps": "Generation steps",
    "guidance_scale": "Prompt strength",
    "scheduler": "Sampler",
    "seed": "Seed",
    "num_images_per_prompt": "Image count",
    "model": "Model",
    "loras": "LoRA",
    "vae": "VAE",
    "refiner": "Refiner",
    "refiner_switch": "Refiner switch",
    "strength": "Image strength",
    "mask_blur": "Mask softness",
    "image": "Image",
    "mask_image": "Mask",
    **{field.name: field.label for field in PLAIN},
}
"""Dream Studio's word for each request field."""

PROGRAMS: Final = re.compile(r"\b(?:" + "|".join(name for name in InpaintRequest.model_fields if "_" in name) + r")\b")
"""Field names that are no words of any language, wherever they stand."""


def sampler_words(name: object) -> tuple[str, ...]:
    """A sampler as the panel's menus show it, with its noise schedule where it has one; an unknown name as it is."""
    try:
        choice = find_sampler(str(name))
    except InvalidRequest:
        return (str(name),)
    return (choice.sampler.label,) if choice.schedule == NATIVE else (choice.sampler.label, choice.schedule)


def page_words(sentence: object) -> str:
    """Says a sentence about a request's fields with the page's own labels.

    Args:
        sentence: An error, or a sentence that begins with a field's name; any other sentence stays as it is.
    """
    text = str(sentence)
    first = text.split(" ", 1)[0]
    if first in InpaintRequest.model_fields:
        text = LABELS.get(first, first.capitalize()) + text[len(first) :]
    return PROGRAMS.sub(lambda found: LABELS.get(found[0], found[0]).lower(), text)
