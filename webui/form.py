"""The form's values by name, and what they mean as request fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pipelines.request import ImageToImageRequest
from pipelines.samplers import find_sampler
from pipelines.styles_csv import apply_styles

from .branching import NO_BRANCH, asked_branch
from .controls import image_strength_of, whole
from .extras_form import EXTRAS, asked_extras, first_extras
from .plain_form import PLAIN_NAMES, asked_plain, first_plain
from .prompt_told import check_words
from .series_fields import SERIES, first_series
from .sizes import LIKE_PICTURE, SQUARE, resolve_size
from .typed_seed import seed_of

if TYPE_CHECKING:
    from pipelines.preset import Style

    from .studio import Studio

MOST_STYLES: Final = 10
"""Styles at once."""

IMAGE_STRENGTH: Final = image_strength_of(ImageToImageRequest.model_fields["strength"].default)
PICTURES: Final = 4
"""Dream Studio's image count."""

REMEMBERED: Final = (
    "task",
    "style",
    "prompt",
    "negative_prompt",
    "image_strength",
    "repaint_strength",
    "mask_blur",
    "size",
    "picture_size",
    "num_images_per_prompt",
    "guidance_scale",
    "num_inference_steps",
    "seed",
    "model",
    "sampler",
    "schedule",
    "background",
    "parent",
    "branch",
    *EXTRAS,
    *PLAIN_NAMES,
    *SERIES,
)
"""The fields that a browser remembers, in a fixed order."""


def first_values(studio: Studio) -> dict[str, Any]:
    """What the form shows to somebody who has never been here."""
    model = studio.model(None)
    return {
        "task": "text_to_image",
        "style": [],
        "prompt": "",
        "negative_prompt": "",
        "image_strength": IMAGE_STRENGTH,
        "repaint_strength": 0,
        "mask_blur": 4,
        "size": SQUARE,
        "picture_size": LIKE_PICTURE,
        "num_images_per_prompt": PICTURES,
        "seed": "",
        "model": model.id,
        "background": "#ffffff",
        "parent": "",
        "branch": NO_BRANCH,
        **first_extras(),
        **first_plain(),
        **first_series(),
        **model_values(studio, model.id),
    }


def styles_of(studio: Studio, asked: object) -> list[Style]:
    """The styles that a form or a recipe names, in their order; those that are not there are left out.

    Args:
        studio: Whose styles they are.
        asked: Ids in a list, or in one text with commas, as recipes tell them.
    """
    ids = asked.split(",") if isinstance(asked, str) else asked if isinstance(asked, Sequence) else ()
    return [studio.styles[one] for one in dict.fromkeys(map(str, ids)) if one in studio.styles][:MOST_STYLES]


def model_values(studio: Studio, model_id: object) -> dict[str, Any]:
    """The settings that suit a model: steps, prompt strength, sampler and noise schedule."""
    defaults = studio.model(model_id).defaults
    choice = find_sampler(str(defaults.get("scheduler", "Euler")))
    return {
        "num_inference_steps": defaults.get("num_inference_steps", 20),
        "guidance_scale": defaults.get("guidance_scale", 7.0),
        "sampler": choice.sampler.name,
        "schedule": choice.name,
    }


def shared_fields(
    studio: Studio, values: Mapping[str, Any], task: str, *, size: str, picture: tuple[int, int] | None = None
) -> dict[str, Any]:
    """The request fields that every task has, out of the form's values.

    Args:
        studio: Whose models and styles they name.
        values: The form's values by name.
        task: The request's.
        size: What the size control of this task says.
        picture: Size of the given picture, where there is one.

    Raises:
        InvalidRequest: The seed or the size cannot be read; the request checks the rest.
    """
    model = studio.model(values["model"])
    prompt, negative_prompt = str(values["prompt"] or ""), str(values["negative_prompt"] or "")
    check_words(studio, values)
    branch = asked_branch(values.get("branch"))
    branch.check_task(task)
    if prompt.strip():
        prompt, negative_prompt = apply_styles(styles_of(studio, values["style"]), prompt, negative_prompt)
    width, height = resolve_size(str(size or SQUARE), model, picture)
    return {
        "prompt": prompt,
        "negative_prompt": negative_prompt,
        "num_inference_steps": whole(values["num_inference_steps"]),
        "guidance_scale": values["guidance_scale"],
        "scheduler": values["schedule"],
        "seed": seed_of(values["seed"]),
        "width": width,
        "height": height,
        "num_images_per_prompt": whole(values["num_images_per_prompt"]),
        "model": model.id,
        **asked_extras(values),
        **asked_plain(values, task),
        "stages": branch.stages,
    }
