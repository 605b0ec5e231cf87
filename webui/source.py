"""The picture to begin with: uploaded in any form people have, or sent over from a result."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import gradio as gr
from gradio.data_classes import ImageData
from gradio.processing_utils import save_pil_to_cache
from PIL import Image

from pipelines.errors import InvalidRequest
from pipelines.images import open_upload

from .unjudged import unjudged

PICTURE_NAME: Final = "picture.png"
"""What every copy of a picture to begin with is called; its folder is named by its content."""

EASEL_LONGEST: Final = 1536
"""Longest side in pixels of what the browser shows on the easel; a larger picture is shown there by a smaller copy."""


class Taken(NamedTuple):
    """What became of an upload.

    Attributes:
        path: The PNG, at its full size.
        easel: What the easel shows: the same file, or a smaller copy of a large picture.
        size: Width and height.
        notices: Sentences to show.
        see_through: Whether the upload has transparent parts.
    """

    path: str
    easel: str
    size: tuple[int, int]
    notices: tuple[str, ...]
    see_through: bool


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


def take_upload(file: str | BinaryIO, background: str, cache: str) -> Taken:
    """Turns an upload into the upright RGB picture that is shown, and that every later step uses.

    Args:
        file: The upload, as a path or open.
        background: CSS colour that transparent parts are laid on.
        cache: Gradio's cache folder, from which the page may show files.

    Raises:
        InvalidRequest: The file is no picture, is damaged, or is too large.
    """
    upload = open_upload(file, background=read_colour(background))
    shown = save_pil_to_cache(upload.image, cache, name=Path(PICTURE_NAME).stem, format="png")
    if not isinstance(file, str):
        file.seek(0)
    with Image.open(file) as image:
        see_through = "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info
    return Taken(shown, _for_easel(upload.image, shown, cache), upload.image.size, upload.notices, see_through)


def _for_easel(image: Image.Image, path: str, cache: str) -> str:
    if max(image.size) <= EASEL_LONGEST:
        return path
    copy = image.copy()
    copy.thumbnail((EASEL_LONGEST, EASEL_LONGEST), Image.Resampling.BOX)  # looked at only: quick, and small to send
    smaller: str = save_pil_to_cache(copy, cache, name="easel", format="webp")
    return smaller


def kept_file(path: object, cache: str) -> str | None:
    """A file of Gradio's cache that the page names, where it is there; a file anywhere else is none.

    The page itself says which upload it shows, rather than Gradio's ``State``: with one of those every open page keeps
    a connection for itself, and of a browser's six the seventh page would have none.

    Args:
        path: What the page sends; anything at all.
        cache: Gradio's cache folder, in which an upload has a name that nobody can guess.
    """
    if not isinstance(path, str) or not path or "\0" in path:
        return None
    real = Path(path).resolve()
    return str(real) if real.is_relative_to(Path(cache).resolve()) and real.is_file() else None


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
