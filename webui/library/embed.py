"""Pictures as files with their recipes inside: A1111's text where others look for it, the whole recipe beside it.

==========  ===========================  =====================================
file        A1111's text                 the whole recipe as JSON
==========  ===========================  =====================================
PNG         text ``parameters``          text ``reverie``
JPEG        EXIF ``UserComment``         APP15 segments that begin ``reverie``
WebP, AVIF  EXIF ``UserComment``         EXIF ``MakerNote``
==========  ===========================  =====================================
"""

from __future__ import annotations

import io
import secrets
import struct
from pathlib import Path
from typing import Annotated, Any, Final

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from .carried import OWN, OWN_MARK, PARAMETERS, texts_of
from .formats import Metadata, Saving
from .recipe import Recipe, RecipeError, read_json

REVERIE: Final = OWN

LARGEST_SEGMENT: Final = 65_000
"""Bytes in a JPEG segment: its length has two bytes (ITU T.81, B.1.1.4), and some are needed for the marks."""


class Stamp(BaseModel):
    """What the ``reverie`` chunk of a file holds: which picture of a library it is, and its recipe.

    Attributes:
        id: The picture's id.
        owner: A salted hash of its owner; empty in a copy that was given out without its prompt.
        created: In UTC.
        recipe: What made it.
    """

    model_config = ConfigDict(frozen=True)

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    owner: Annotated[str, Field(max_length=64)]
    created: AwareDatetime
    recipe: Recipe


def encode_picture(
    image: Image.Image, saving: Saving | None = None, *, infotext: str = "", stamp: Stamp | None = None
) -> bytes:
    """Encodes a picture with its recipe; nothing else that the image carries (EXIF, GPS, ICC, dpi) goes along.

    A JPEG cannot hold an A1111 text of more than some 32 000 characters; it then has the whole recipe only.

    Args:
        image: Mode RGB.
        saving: Which kind of file; None = PNG.
        infotext: A1111's ``parameters``; left out where empty.
        stamp: The whole recipe.
    """
    saving = saving or Saving()
    own = stamp.model_dump_json() if stamp else ""
    bare = image.copy()
    bare.info.clear()
    file = io.BytesIO()
    bare.save(file, saving.format.upper(), **_options(saving, infotext, own))
    return file.getvalue()


def encode_png(image: Image.Image, *, infotext: str = "", stamp: Stamp | None = None) -> bytes:
    """Encodes a picture as PNG; see :func:`encode_picture`."""
    return encode_picture(image, infotext=infotext, stamp=stamp)


def chosen_metadata(stamp: Stamp, metadata: Metadata) -> tuple[str, Stamp | None]:
    """What goes into a copy that is given out: A1111's text, and the stamp.

    Args:
        stamp: The picture's own.
        metadata: ``all``; ``no_prompt``, which also leaves out whose it is and what it was made from; or ``nothing``.
    """
    from .infotext import write_infotext

    if metadata == "nothing":
        return "", None
    if metadata == "no_prompt":
        bare = stamp.recipe.without_prompt()
        stamp = Stamp(id=secrets.token_hex(16), owner="", created=stamp.created, recipe=bare)
    return write_infotext(stamp.recipe), stamp


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
    text = texts_of(source).get(REVERIE)
    return None if text is None else read_json(Stamp, text)


def read_parameters(source: str | Path | bytes | Image.Image) -> str | None:
    """Reads A1111's ``parameters`` text, for :func:`~webui.library.infotext.read_infotext`; None where there is none.

    Raises:
        RecipeError: The source is no picture.
    """
    return texts_of(source).get(PARAMETERS)


def _options(saving: Saving, infotext: str, own: str) -> dict[str, Any]:
    """What Pillow's ``save`` takes for one format."""
    if saving.format == "png":
        texts = PngInfo()
        for name, text in ((PARAMETERS, infotext), (REVERIE, own)):
            if text:
                texts.add_text(name, text)
        return {"pnginfo": texts}
    options: dict[str, Any] = {"quality": saving.quality}
    if saving.format == "jpeg":
        exif = _exif(infotext)
        options |= {"subsampling": 0 if saving.quality >= 90 else 2, "optimize": True, "extra": _segments(own)}
        return options | ({"exif": exif} if exif and len(exif) < LARGEST_SEGMENT else {})
    if saving.format == "webp":
        options |= {"lossless": saving.lossless, "exact": True}
    exif = _exif(infotext, own)
    return options | ({"exif": exif} if exif else {})


def _exif(infotext: str, own: str = "") -> bytes:
    """An EXIF block with A1111's text the way A1111 writes it, and ours; empty where there is neither.

    Written here, because Pillow marks both values as numbers where EXIF (CIPA DC-008, 4.6.5) wants UNDEFINED, and
    other programs then find no text.
    """
    values = {
        0x927C: OWN_MARK + own.encode() if own else b"",
        0x9286: b"UNICODE\0" + infotext.encode("utf-16-be") if infotext else b"",
    }
    entries = {tag: value for tag, value in values.items() if value}
    if not entries:
        return b""
    pointer = struct.pack(">HHHLLL", 1, 0x8769, 4, 1, 26, 0)
    inner, place = struct.pack(">H", len(entries)), 26 + 2 + 12 * len(entries) + 4
    for tag, value in entries.items():
        inner += struct.pack(">HHLL", tag, 7, len(value), place)
        place += len(value)
    return b"Exif\0\0" + b"MM\0*" + struct.pack(">L", 8) + pointer + inner + bytes(4) + b"".join(entries.values())


def _segments(own: str) -> bytes:
    """As many APP15 segments as the text needs."""
    data, made = own.encode(), b""
    most = LARGEST_SEGMENT - len(OWN_MARK)
    for start in range(0, len(data), most):
        part = OWN_MARK + data[start : start + most]
        made += b"\xff\xef" + (len(part) + 2).to_bytes(2, "big") + part
    return made


__all__ = [
    "PARAMETERS",
    "REVERIE",
    "RecipeError",
    "Stamp",
    "chosen_metadata",
    "encode_picture",
    "encode_png",
    "read_parameters",
    "read_recipe",
    "read_stamp",
]
