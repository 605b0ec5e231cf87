"""Grow the picture: the canvas gets room beside it, and the easel a mask over what is new; Dream then paints it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import gradio as gr
from gradio.processing_utils import save_pil_to_cache
from PIL import Image, ImageChops

from pipelines.errors import InvalidRequest
from pipelines.outpainting import GrownCanvas, grow_canvas
from pipelines.request import InpaintRequest, limits

from .controls import whole
from .dreaming import PRIVATE, SPEAKING
from .masks import as_painted, brushed_mask
from .saying import say
from .sizes import LIKE_PICTURE
from .source import PICTURE_NAME, read_source
from .source_events import show_source, source_places

if TYPE_CHECKING:
    from pipelines.models import ModelInfo

    from .panel import Panel
    from .studio import Studio

SIDES: Final = ("left", "right", "top", "bottom")
MOST: Final = 512
STEP: Final = 8
SEAM: Final = 16
"""Pixels of the old picture over which the new room melts into it, where the artist's mask softness is less."""

ANOTHER: Final = f"""(picture, size, grown) =>
  grown && picture?.path !== grown ? [{LIKE_PICTURE!r}, ""] : [size, grown]"""
"""The browser's part: the picture after a grown one is worked on at its own usual size again."""

LARGEST_SHARE: Final = 4
"""How many times the model's native area a picture may have to be painted at its own size, pixel by pixel."""


@dataclass(frozen=True)
class GrowRows:
    """The components.

    Attributes:
        sides: Pixels to grow by, for each of ``SIDES``.
        button: Grows the picture.
        grown: Holds the path of the grown picture, so that its size is not kept for the next one.
    """

    sides: Mapping[str, gr.Number]
    button: gr.Button
    grown: gr.Textbox


def lay_out_growing() -> GrowRows:
    """Lays out four numbers and a button, folded up."""
    with gr.Accordion("Grow the picture", open=False, elem_id="grow-section", elem_classes=["for-inpaint"]):
        with gr.Row(elem_id="grow-sides"):
            sides = {
                side: gr.Number(
                    0, label=side.capitalize(), step=STEP, precision=0, min_width=0, elem_id=f"grow-{side}", buttons=[]
                )
                for side in SIDES
            }
        button = gr.Button("Grow", elem_id="grow", size="sm", min_width=0)
    return GrowRows(sides, button, gr.Textbox("", visible="hidden", elem_id="grown"))


def grown(image: Any, asked: Mapping[str, object], seam: object) -> GrownCanvas:
    """Grows a picture by what the page's numbers say.

    Args:
        image: The picture to begin with.
        asked: Pixels for each of ``SIDES``; an empty number is 0.
        seam: What mask softness says; at least ``SEAM`` is used, and less where the picture is small.

    Raises:
        InvalidRequest: A number is no multiple of 8 from 0 to 512, or all are 0.
    """
    sides: dict[str, Any] = {side: whole(asked.get(side) or 0) for side in SIDES}
    wrong = [side for side, value in sides.items() if type(value) is not int or not 0 <= value <= MOST or value % STEP]
    if wrong:
        told = ", ".join(f"{side} is {sides[side]!r}" for side in wrong)
        raise InvalidRequest(
            wrong[0], f"{told[0].upper()}{told[1:]}; pixels to grow by must be a multiple of {STEP} from 0 to {MOST}."
        )
    if not any(sides.values()):
        raise InvalidRequest("left", "Left, right, top and bottom are all 0; say by how many pixels to grow on a side.")
    most = limits(InpaintRequest, "mask_blur")["maximum"]
    softness = seam if isinstance(seam, (int, float)) and math.isfinite(seam) else 0
    width = int(min(max(softness, SEAM), most, *(side // 4 for side in image.size)))
    return grow_canvas(image, **sides, seam=width)


def with_mask(canvas: GrownCanvas, mask: object, size: tuple[int, int]) -> GrownCanvas:
    """The same with what was painted on the easel before, at its place in the larger picture.

    Args:
        canvas: From :func:`grown`.
        mask: The easel's value; empty = nothing was painted.
        size: Width and height of the picture before.
    """
    if not mask:
        return canvas
    before = Image.new("L", canvas.image.size, 0)
    before.paste(brushed_mask(mask, size), canvas.corner)
    return replace(canvas, mask_image=ImageChops.lighter(canvas.mask_image, before))


def size_choice(size: tuple[int, int], model: ModelInfo) -> str:
    """What the size control says of a grown picture: its own size, so that the old pixels stay as they are, where the
    model can well paint that; else the usual one.
    """
    largest = limits(InpaintRequest, "width")["maximum"]
    fits = size[0] * size[1] <= LARGEST_SHARE * model.native_size**2 and max(size) <= largest
    fits = fits and not any(side % STEP for side in size)
    return f"{size[0]}x{size[1]}" if fits else LIKE_PICTURE


def wire_growing(studio: Studio, panel: Panel, easel: gr.HTML, original: gr.Textbox) -> None:
    """Connects the button; the picture it grew from stays the parent of what is painted."""
    fields, rows = panel.fields, panel.editing.growing
    source, size_of_picture = fields["source"], fields["picture_size"]
    places = [*source_places(panel, easel, original), fields["mask_blur"], size_of_picture, rows.grown]
    places += rows.sides.values()

    def grow(path: str | None, model: object, softness: object, mask: object, *numbers: object) -> list[Any]:
        try:
            image = read_source(path)
            canvas = grown(image, dict(zip(SIDES, numbers, strict=True)), softness)
            canvas = with_mask(canvas, mask, image.size)
            cache = source.GRADIO_CACHE
            name = PICTURE_NAME.removesuffix(".png")
            file = save_pil_to_cache(canvas.image, cache, name=name, format="png")
            shown = show_source(studio, file, "#ffffff", cache, model)
        except InvalidRequest as error:
            say(error)
            return [gr.skip()] * len(places)
        shown[2] = {**shown[2], "value": as_painted(canvas.mask_image)}
        width, height = canvas.image.size
        size = size_choice((width, height), studio.model(model))
        if size != LIKE_PICTURE:
            shown[3] = f"{width} × {height} px"
        say("The new room is masked; press Dream to paint it, or brush on first.", friendly=True)
        return [*shown, canvas.seam, size, shown[0] if size != LIKE_PICTURE else "", *[0] * len(SIDES)]

    asked = [source, fields["model"], fields["mask_blur"], easel, *rows.sides.values()]
    rows.button.click(grow, asked, places, **SPEAKING)
    source.change(None, [source, size_of_picture, rows.grown], [size_of_picture, rows.grown], js=ANOTHER, **PRIVATE)
