"""Inpainting: a brushed part of a picture is made anew, the rest stays bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import gradio as gr

from pipelines.images import cover
from pipelines.request import InpaintRequest
from webui.controls import slider, strength_of, strength_slider, whole
from webui.form import shared_fields
from webui.masks import brushed_mask
from webui.source import picture_input, read_source
from webui.studio import Studio

TASK: Final = "inpaint"
TITLE: Final = "Inpainting"


def lay_out() -> dict[str, gr.components.Component]:
    """Lays out what only this task has."""
    strength = strength_slider(0, name="repaint-strength", elem_classes=["for-inpaint"])
    blur = slider("mask_blur", 4, elem_classes=["for-inpaint"])
    with gr.Accordion("Upload a mask", open=False, elem_id="mask-section", elem_classes=["for-inpaint"]):
        upload = picture_input(
            label="Mask, white where the picture should change",
            show_label=False,
            elem_id="mask-upload",
            height=110,
        )
    return {"repaint_strength": strength, "mask_blur": blur, "mask_upload": upload}


def make_request(studio: Studio, values: Mapping[str, Any]) -> InpaintRequest:
    """Reads the form.

    Raises:
        InvalidRequest: Something in it cannot be used.
    """
    image = read_source(values["source"])
    mask = brushed_mask(values["mask"], image.size)
    fields = shared_fields(studio, values, size=values["picture_size"], picture=image.size)
    size = (fields["width"], fields["height"])
    return InpaintRequest(
        **fields,
        image=cover(image, size),  # the recipe then holds what the model saw, and the request no more than it needs
        mask_image=cover(mask, size),
        mask_blur=whole(values["mask_blur"]),
        strength=strength_of(values["repaint_strength"], fields["num_inference_steps"]),
    )
