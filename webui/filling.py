"""The form filled from a recipe: which of its fields one can fill, and the updates that do it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import gradio as gr

from pipelines.samplers import find_sampler, schedule_choices
from pipelines.styles_csv import take_styles_off

from .branching import written_branch
from .controls import image_strength_of
from .extras_form import EXTRAS, filled_extras
from .form import styles_of
from .plain_form import PLAIN_NAMES, filled_plain
from .sizes import size_choice_of, stops

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
    "branch",
    *EXTRAS,
    *PLAIN_NAMES,
)
"""The form's fields that a recipe can fill, in a fixed order."""


SAME: Final = ("num_inference_steps", "guidance_scale", "mask_blur")
"""Request fields that the form has under the same name and in the same unit."""


def own_words(studio: Studio, style: str, prompt: str, negative_prompt: str) -> dict[str, Any]:
    """The form's words and styles for a picture's prompts: the artist's own words, where they can be told apart.

    Args:
        studio: Whose styles they are.
        style: Ids of the styles that are laid over the prompts, with commas between; empty for none.
        prompt: The picture's.
        negative_prompt: Likewise.
    """
    looks = styles_of(studio, style)
    known = bool(style) and ",".join(look.id for look in looks) == style
    own = take_styles_off(looks, prompt, negative_prompt) if known else None
    if own is None:  # the prompts hold all of it; a style would be laid over them a second time
        return {"prompt": prompt, "negative_prompt": negative_prompt, "style": []}
    return {"prompt": own[0], "negative_prompt": own[1], "style": [look.id for look in looks]}


def style_words(studio: Studio, style: str) -> str:
    """A recipe's styles by their names on the page; one that has gone by its id."""
    labels = (studio.styles[one].label if one in studio.styles else one for one in style.split(","))
    return " + ".join(labels)


def settings_of(studio: Studio, told: Mapping[str, Any], task: str) -> dict[str, Any]:
    """The form's settings for what a recipe tells, all but words and seed; what it does not tell is not among them.

    Args:
        studio: Whose models they name.
        told: Request fields by diffusers' names, each within its limits.
        task: The request's.
    """
    values: dict[str, Any] = {name: told[name] for name in SAME if name in told}
    if told.get("width") and told.get("height"):
        sides = (int(told["width"]), int(told["height"]))
        if task == "text_to_image" and told.get("model") in studio.models:
            values["size"] = size_choice_of(sides, studio.model(told["model"]))
        else:
            values["size" if task == "text_to_image" else "picture_size"] = f"{sides[0]}x{sides[1]}"
    if "strength" in told:
        name = "repaint_strength" if task == "inpaint" else "image_strength"
        values[name] = image_strength_of(float(told["strength"]))
    if "scheduler" in told:
        choice = find_sampler(str(told["scheduler"]))
        values |= {"sampler": choice.sampler.name, "schedule": choice.name}
    if told.get("model") in studio.models:
        values["model"] = told["model"]
    values["branch"] = written_branch(told.get("stages"), task=task)
    return values | filled_extras(studio, told) | filled_plain(studio, told)


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
