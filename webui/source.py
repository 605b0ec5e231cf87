"""The picture to begin with: uploaded in any form people have, or sent over from a result."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO, Final

import gradio as gr
from gradio.data_classes import ImageData
from gradio.processing_utils import save_pil_to_cache
from PIL import Image

from pipelines.errors import InvalidRequest
from pipelines.images import open_upload

from .unjudged import unjudged

PICTURE_NAME: Final = "picture.png"
"""What every copy of a picture to begin with is called; its folder is named by its content."""


def _path_of(_component: gr.Image, payload: ImageData | None) -> str | None:
    """The uploaded file's path; Gradio has checked that it lies among the uploads."""
    return payload.path if payload else None


PictureInput: type[gr.Image] = unjudged(gr.Image, _path_of, "A ``gr.Image`` that decodes nothing.")
"""A ``gr.Image`` that hands over the path of what was uploaded and decodes nothing by itself.

Gradio's own decodes an upload before any of our code runs, so that a small file can cost a gigabyte, and what it
cannot read becomes an error without a reason.
"""


def picture_input(**options: Any) -> gr.Image:
    """Makes a :data:`PictureInput` for uploads and pasted pictures.

    Args:
        options: What ``gr.Image`` takes.
    """
    return PictureInput(type="filepath", sources=["upload", "clipboard"], format="png", buttons=[], **options)


def take_upload(file: str | BinaryIO, background: str, cache: str) -> tuple[str, tuple[str, ...], bool]:
    """Turns an upload into the upright RGB picture that is shown, and that every later step uses.

    Args:
        file: The upload, as a path or open.
        background: CSS colour that transparent parts are laid on.
        cache: Gradio's cache folder, from which the page may show files.

    Returns:
        The path of the PNG, sentences to show, and whether the upload has transparent parts.

    Raises:
        InvalidRequest: The file is no picture, is damaged, or is too large.
    """
    upload = open_upload(file, background=read_colour(background))
    shown = save_pil_to_cache(upload.image, cache, name=Path(PICTURE_NAME).stem, format="png")
    if not isinstance(file, str):
        file.seek(0)
    with Image.open(file) as image:
        see_through = "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info
    return shown, upload.notices, see_through


def read_source(path: object) -> Image.Image:
    """Opens the picture to begin with.

    Raises:
        InvalidRequest: There is none, or it cannot be read.
    """
    if not path:
        raise InvalidRequest("image", "image is missing; upload a picture, or send a result here.")
    if not Path(str(path)).is_file():
        raise InvalidRequest("image", "image is no longer on the server; upload it again.")
    return open_upload(str(path)).image


def read_colour(value: Any) -> str:
    """Reads what the colour picker says as ``#rrggbb``.

    Raises:
        InvalidRequest: It is no colour.

    Gradio's colour picker says ``rgba(12.5, 3, 7, 1)`` or ``#rrggbb``; PIL wants whole numbers.
    """
    text = str(value or "").strip()
    if text.startswith(("rgb(", "rgba(")):
        try:
            parts = [float(part) for part in text[text.index("(") + 1 : text.index(")")].split(",")[:3]]
        except ValueError:
            parts = []
        if len(parts) == 3 and all(0 <= part <= 255 for part in parts):
            return "#" + "".join(f"{round(part):02x}" for part in parts)
    if len(text) == 7 and text[0] == "#" and all(digit in "0123456789abcdefABCDEF" for digit in text[1:]):
        return text
    raise InvalidRequest("background", f"background is {text[:30]!r}; give a colour such as #ffffff.")
