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
from webui.sizes import LIKE_PICTURE
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
    fields = shared_fields(studio, values, TASK, size=values["picture_size"], picture=image.size)
    size = (fields["width"], fields["height"])
    if fields.get("padding_mask_crop") is None and fields.get("resize_mode", "crop") == "crop":
        image, mask = cover(image, size), cover(mask, size)  # the recipe then holds what the model saw, and no more
    elif values["picture_size"] == LIKE_PICTURE and fields.get("padding_mask_crop") is not None:
        fields |= {"width": None, "height": None}  # what is painted is a part, at the size the model knows
    return InpaintRequest(
        **fields,
        image=image,
        mask_image=mask,
        mask_blur=whole(values["mask_blur"]),
        strength=strength_of(values["repaint_strength"], fields["num_inference_steps"]),
    )
