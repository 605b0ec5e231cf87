"""What a browser remembers of the form, and what of that is still good when it comes back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import gradio as gr

from pipelines.errors import ReverieError
from pipelines.request import InpaintRequest, limits
from pipelines.samplers import find_sampler, schedule_choices

from .branching import asked_branch
from .controls import strength_of
from .extras_form import EXTRAS, usable_extra
from .form import REMEMBERED, first_values, styles_of
from .grid_form import kinds_of_all
from .plain_form import PLAIN_NAMES, usable_plain
from .series_fields import AXES, SERIES, usable_series
from .sizes import LIKE_PICTURE, resolve_size
from .source import PICTURE_NAME, kept_file, read_colour
from .typed_seed import seed_of

if TYPE_CHECKING:
    from .studio import Studio

STORAGE_KEY: Final = "reverie-form"
SECRET: Final = "reverie"  # noqa: S105 - obscures nothing; it must only stay the same, or the browser forgets
LONGEST_TEXT: Final = 20_000
PICTURE_ID: Final = re.compile(r"[0-9a-f]{32}|")


def form_memory() -> gr.BrowserState:
    """The place in the browser's own storage."""
    return gr.BrowserState({}, storage_key=STORAGE_KEY, secret=SECRET)


def gather_script() -> str:
    """The script that turns the fields' values, in the order of ``REMEMBERED``, into what is remembered.

    After them comes the picture to begin with, of which the server's own name for its copy is remembered.
    """
    names = ", ".join(REMEMBERED)
    return f"({names}, picture) => [{{{names}, picture: picture?.path ?? null}}]"


def recall_picture(remembered: object, cache: str) -> str | None:
    """The picture to begin with, where the server still has its copy; a file anywhere else is none.

    Args:
        remembered: What the browser sends; anything at all.
        cache: Gradio's cache folder, in which a copy has a name that nobody can guess.
    """
    path = remembered.get("picture") if isinstance(remembered, Mapping) else None
    kept = kept_file(path, cache)
    return kept if kept and Path(kept).name == PICTURE_NAME else None


def recall(studio: Studio, remembered: object) -> dict[str, Any]:
    """The form as it was left; whatever is not usable any more (a model that has gone) gets its first value.

    Args:
        studio: The studio as it is now.
        remembered: What the browser sends; anything at all.
    """
    values = first_values(studio)
    if isinstance(remembered, Mapping):
        for name in REMEMBERED:
            if name in remembered and _usable(studio, name, remembered[name], remembered):
                values[name] = remembered[name]
    names = [name for _, name in schedule_choices(values["sampler"])]
    if values["schedule"] not in names:
        values["schedule"] = names[0]
    return values


def _usable(studio: Studio, name: str, value: Any, remembered: Mapping[str, Any]) -> bool:
    try:
        return bool(_checks(studio, remembered)[name](value))
    except (ReverieError, TypeError):
        return False


def _checks(studio: Studio, remembered: Mapping[str, Any]) -> dict[str, Callable[[Any], object]]:
    """For each remembered field, what tells whether a value can be used; it may also raise what requests raise."""
    model = studio.model(remembered.get("model"))
    text = dict.fromkeys(("prompt", "negative_prompt"), _is_text)
    numbers = ("num_inference_steps", "guidance_scale", "num_images_per_prompt", "mask_blur")
    strengths = ("image_strength", "repaint_strength")
    return {
        **text,
        **{name: partial(_within_limits, name) for name in numbers},
        **{name: lambda value: strength_of(value) >= 0 for name in strengths},
        **{name: lambda value: isinstance(value, str) and find_sampler(value) for name in ("sampler", "schedule")},
        "task": lambda value: value in ("text_to_image", "image_to_image", "inpaint"),
        "style": lambda value: isinstance(value, list) and len(styles_of(studio, value)) == len(value),
        "model": lambda value: value in studio.models,
        "size": lambda value: value != LIKE_PICTURE and resolve_size(str(value), model),
        "picture_size": lambda value: resolve_size(str(value), model),
        "seed": lambda value: isinstance(value, str) and seed_of(value) >= -1,
        **{name: partial(usable_extra, studio, name) for name in EXTRAS},
        **{name: partial(usable_plain, studio, name) for name in PLAIN_NAMES},
        **{name: partial(usable_series, name) for name in SERIES},
        **dict.fromkeys(AXES, lambda value: value == "" or value in {kind.id for kind in kinds_of_all()}),
        "background": read_colour,
        "branch": lambda value: isinstance(value, str) and bool(asked_branch(value)),
        "parent": lambda value: isinstance(value, str) and PICTURE_ID.fullmatch(value),
    }


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_TEXT


def _within_limits(name: str, value: Any) -> bool:
    bounds = limits(InpaintRequest, name)
    return isinstance(value, (int, float)) and bounds["minimum"] <= value <= bounds["maximum"]
