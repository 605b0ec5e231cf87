"""Image to image: a picture from words and a picture to begin with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import gradio as gr

from pipelines.request import ImageToImageRequest
from webui.controls import strength_of, strength_slider
from webui.form import IMAGE_STRENGTH, shared_fields
from webui.source import read_source
from webui.studio import Studio

TASK: Final = "image_to_image"
TITLE: Final = "Image to image"


def lay_out() -> dict[str, gr.components.Component]:
    """Lays out what only this task has."""
    return {"image_strength": strength_slider(IMAGE_STRENGTH, name="image-strength", elem_classes=["for-image"])}


def make_request(studio: Studio, values: Mapping[str, Any]) -> ImageToImageRequest:
    """Reads the form.

    Raises:
        InvalidRequest: Something in it cannot be used.
    """
    image = read_source(values["source"])
    fields = shared_fields(studio, values, TASK, size=values["picture_size"], picture=image.size)
    strength = strength_of(values["image_strength"], fields["num_inference_steps"])
    return ImageToImageRequest(**fields, image=image, strength=strength)
