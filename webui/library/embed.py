"""Recipes inside PNG files: A1111's text under ``parameters``, the whole recipe under ``reverie``."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Annotated, Final

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from pipelines.images import FORMATS

from .recipe import Recipe, RecipeError, read_json

PARAMETERS: Final = "parameters"
REVERIE: Final = "reverie"

_UNREADABLE: Final = (OSError, SyntaxError, ValueError, EOFError)


class Stamp(BaseModel):
    """What the ``reverie`` chunk of a file holds: which picture of a library it is, and its recipe.

    Attributes:
        id: The picture's id.
        owner: A salted hash of its owner.
        created: In UTC.
        recipe: What made it.
    """

    model_config = ConfigDict(frozen=True)

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    owner: Annotated[str, Field(max_length=64)]
    created: AwareDatetime
    recipe: Recipe


def encode_png(image: Image.Image, *, infotext: str = "", stamp: Stamp | None = None) -> bytes:
    """Encodes a picture with its recipe; nothing else that the image carries (EXIF, ICC, dpi) goes along.

    Args:
        image: Mode RGB.
        infotext: Text for ``parameters``; left out where empty.
        stamp: What to put under ``reverie``.
    """
    texts = PngInfo()
    if infotext:
        texts.add_text(PARAMETERS, infotext)
    if stamp is not None:
        texts.add_text(REVERIE, stamp.model_dump_json())
    bare = image.copy()
    bare.info.clear()
    png = io.BytesIO()
    bare.save(png, "PNG", pnginfo=texts)
    return png.getvalue()


def read_recipe(source: str | Path | bytes | Image.Image) -> Recipe | None:
    """Reads Reverie's own recipe from a picture without decoding its pixels; None where it has none.

    Args:
        source: A path, the file's bytes, or an opened picture.

    Raises:
        RecipeError: There is one, but it is damaged; or the source is no picture.
    """
    stamp = read_stamp(source)
    return stamp.recipe if stamp else None


def read_stamp(source: str | Path | bytes | Image.Image) -> Stamp | None:
    """Reads the whole ``reverie`` chunk; see :func:`read_recipe`.

    Raises:
        RecipeError: There is one, but it is damaged; or the source is no picture.
    """
    text = _text(source, REVERIE)
    if text is None:
        return None
    return read_json(Stamp, text)


def read_parameters(source: str | Path | bytes | Image.Image) -> str | None:
    """Reads A1111's ``parameters`` text from a PNG, for :func:`~webui.library.infotext.read_infotext`.

    Raises:
        RecipeError: The source is no picture.
    """
    return _text(source, PARAMETERS)


def _text(source: str | Path | bytes | Image.Image, key: str) -> str | None:
    if isinstance(source, Image.Image):
        info = source.info
    else:
        stream = io.BytesIO(source) if isinstance(source, bytes) else source
        try:
            with Image.open(stream, formats=FORMATS) as image:
                info = image.info
        except (*_UNREADABLE, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise RecipeError("The file is no picture that can be read; give one that Reverie saved.") from error
    text = info.get(key)
    return text if isinstance(text, str) else None
