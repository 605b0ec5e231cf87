"""What image to image and inpainting have besides plain fields: growing, loopback, many pictures, a mask from alpha."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from .growing import GrowRows, lay_out_growing
from .looping import lay_out_looping
from .many_pictures import lay_out_many


@dataclass(frozen=True)
class EditingRows:
    """The components.

    Attributes:
        fields: The form's fields by name.
        growing: What lets the picture grow by its sides.
        alpha_mask: Makes a mask of the picture's transparent parts; CSS shows it where there may be some.
    """

    fields: dict[str, Any]
    growing: GrowRows
    alpha_mask: gr.Button


def lay_out_editing() -> EditingRows:
    """Lays them out, all folded up."""
    alpha_mask = gr.Button(
        "Mask from transparency", elem_id="alpha-mask", elem_classes=["for-inpaint"], size="sm", min_width=0
    )
    growing = lay_out_growing()
    return EditingRows({**lay_out_looping(), **lay_out_many()}, growing, alpha_mask)
