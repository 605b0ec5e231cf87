"""What was brushed, uploaded or erased becomes a ``mask_image``: mode L, the picture's size, 255 = repaint."""

from __future__ import annotations

import base64
import binascii
import io
from typing import Final

from PIL import Image

from pipelines.errors import InvalidRequest
from pipelines.images import check_pixels, mask_from_alpha, open_upload

PREFIX: Final = "data:image/png;base64,"
LARGEST_BRUSHED: Final = 4 * 2**20
"""Characters of a brushed mask; the easel's own are a few thousand."""

EASEL_SIDE: Final = 1024
"""Longest side in pixels on which the easel paints, whatever the picture's size."""

TINT: Final = (139, 108, 246)


def brushed_mask(value: object, size: tuple[int, int]) -> Image.Image:
    """Reads what was painted on the easel.

    Args:
        value: The easel's value: a PNG as a data URI whose opaque pixels are to be repainted.
        size: Width and height of the picture.

    Raises:
        InvalidRequest: Nothing was painted, or it is no such value.
    """
    if not value:
        raise InvalidRequest(
            "mask_image", "mask_image is empty; paint over the part of the picture that should change."
        )
    if not isinstance(value, str) or not value.startswith(PREFIX) or len(value) > LARGEST_BRUSHED:
        raise InvalidRequest("mask_image", "mask_image is not what the brush makes; paint the mask again.")
    try:
        png = base64.b64decode(value[len(PREFIX) :], validate=True)
    except binascii.Error as error:
        raise InvalidRequest("mask_image", "mask_image is damaged; paint the mask again.") from error
    painted = open_upload(png, background="#000000", parameter="mask_image").image
    return _hard(painted.getchannel("B"), size)  # the tint's blue is nearly full: laid on black it is the opacity


def uploaded_mask(path: str) -> str:
    """Reads an uploaded mask, white = repaint, transparent = keep, and gives it as the easel's value.

    Raises:
        InvalidRequest: The file is no picture, or has nothing white in it.
    """
    value = as_painted(open_upload(path, background="#000000", parameter="mask_image").image.convert("L"))
    if value is None:
        raise InvalidRequest("mask_image", "mask_image has no white in it; make the part that should change white.")
    return value


def transparent_mask(path: str) -> str:
    """Makes a mask of the transparent parts of an upload, and gives it as the easel's value.

    Args:
        path: The upload as it came.

    Raises:
        InvalidRequest: Nothing in it is transparent enough to be repainted.
    """
    with Image.open(path) as image:
        check_pixels(image)
        value = as_painted(mask_from_alpha(image))
    if value is None:
        raise InvalidRequest("mask_image", "mask_image is empty: nothing in the picture is more than half transparent.")
    return value


def as_painted(mask: Image.Image) -> str | None:
    """Gives a mask as the easel's value, as if it had been brushed; None where nothing would be painted.

    Args:
        mask: Mode L, 255 = repaint; it is not changed.
    """
    if max(mask.size) > EASEL_SIDE:
        mask = mask.copy()
        mask.thumbnail((EASEL_SIDE, EASEL_SIDE), Image.Resampling.BOX)
    mask = _hard(mask, mask.size)
    if not mask.getbbox():
        return None
    painted = Image.new("RGBA", mask.size, (*TINT, 0))
    painted.paste((*TINT, 255), mask=mask)
    png = io.BytesIO()
    painted.save(png, "PNG")
    return PREFIX + base64.b64encode(png.getvalue()).decode("ascii")


def _hard(mask: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Scales a mask and makes it 0 or 255: softness is the request's ``mask_blur`` and nobody else's."""
    if mask.size != size:
        mask = mask.resize(size, Image.Resampling.BOX if mask.width >= size[0] else Image.Resampling.BILINEAR)
    return mask.point(lambda level: 255 if level > 127 else 0)
