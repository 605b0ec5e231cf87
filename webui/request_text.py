"""A request as it is written down: its fields as JSON, its pictures as PNG, and back without a difference."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Final

from PIL import Image
from pydantic_core import to_json

from pipelines.errors import InvalidRequest
from pipelines.request import GenerationRequest, ImageToImageRequest, InpaintRequest, TextToImageRequest

KINDS: Final[Mapping[str, type[GenerationRequest]]] = {
    kind.task: kind for kind in (TextToImageRequest, ImageToImageRequest, InpaintRequest)
}

QUICK: Final = 1
"""zlib's level: twice the speed of the usual one for a tenth more bytes, which are soon gone again."""


def images_of(request: GenerationRequest) -> dict[str, Image.Image]:
    """The pictures a request was given, by field."""
    fields = ((name, getattr(request, name)) for name in type(request).model_fields)
    return {name: value for name, value in fields if isinstance(value, Image.Image)}


def write_request(request: GenerationRequest) -> tuple[str, dict[str, bytes]]:
    """Writes a request down.

    Returns:
        The JSON of all fields but pictures, and each picture as PNG by field.
    """
    images = images_of(request)
    fields = {name: getattr(request, name) for name in type(request).model_fields if name not in images}
    return to_json({"task": request.task, **fields}).decode(), {name: _png(one) for name, one in images.items()}


def read_request(text: str, pngs: Mapping[str, bytes]) -> GenerationRequest:
    """Reads what :func:`write_request` has written.

    Raises:
        InvalidRequest: It is damaged, or of a kind or with a value that this version does not take.
    """
    try:
        fields = json.loads(text)
        kind = KINDS[fields.pop("task")]
        images = {name: Image.open(io.BytesIO(png), formats=("PNG",)) for name, png in pngs.items()}
    except (AttributeError, KeyError, OSError, SyntaxError, TypeError, ValueError) as error:
        raise InvalidRequest("request", f"The request is damaged ({error}); ask for it again.") from error
    return kind(**fields, **images)


def _png(image: Image.Image) -> bytes:
    bare = image.copy()
    bare.info.clear()
    png = io.BytesIO()
    bare.save(png, "PNG", compress_level=QUICK)
    return png.getvalue()
