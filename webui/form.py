"""The form's values by name, and what they mean as request fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pipelines.preset import apply_style
from pipelines.request import ImageToImageRequest
from pipelines.samplers import find_sampler

from .controls import image_strength_of, seed_of, whole
from .extras_form import EXTRAS, asked_extras, first_extras
from .sizes import LIKE_PICTURE, SQUARE, resolve_size

if TYPE_CHECKING:
    from .studio import Studio

NO_STYLE: Final = ""
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
    *EXTRAS,
)
"""The fields that a browser remembers, in a fixed order."""


def first_values(studio: Studio) -> dict[str, Any]:
    """What the form shows to somebody who has never been here."""
    model = studio.model(None)
    return {
        "task": "text_to_image",
        "style": NO_STYLE,
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
        **first_extras(),
        **model_values(studio, model.id),
    }


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
    studio: Studio, values: Mapping[str, Any], *, size: str, picture: tuple[int, int] | None = None
) -> dict[str, Any]:
    """The request fields that every task has, out of the form's values.

    Args:
        studio: Whose models and styles they name.
        values: The form's values by name.
        size: What the size control of this task says.
        picture: Size of the given picture, where there is one.

    Raises:
        InvalidRequest: The seed or the size cannot be read; the request checks the rest.
    """
    model = studio.model(values["model"])
    prompt, negative_prompt = str(values["prompt"] or ""), str(values["negative_prompt"] or "")
    style = studio.styles.get(str(values["style"] or NO_STYLE))
    if style is not None and prompt.strip():
        prompt, negative_prompt = apply_style(style, prompt, negative_prompt)
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
    }
