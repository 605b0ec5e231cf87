"""PIL work on whole pictures: what people upload becomes plain RGB, sizes are fitted, edits are pasted back."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from .errors import InvalidRequest

MAX_PIXELS: Final = 4096 * 4096
"""Largest picture taken in: decoded it is 50 MB, more than any denoiser here can use."""

FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""Raster formats Pillow decodes by itself; nothing that runs another program (EPS)."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture somebody brought, as plain RGB.

    Attributes:
        image: Mode RGB, upright (EXIF rotation applied), without metadata.
        notices: What was decided on the way, as sentences to show (the first frame of an animation was used).
    """

    image: Image.Image
    notices: tuple[str, ...] = ()


def open_upload(
    source: str | Path | bytes | BinaryIO, *, background: str = "#ffffff", parameter: str = "image"
) -> Upload:
    """Reads any picture people really have, without ever decoding one that is too large.

    Args:
        source: A path, the bytes, or a binary file.
        background: CSS colour that transparent parts are laid on.
        parameter: The field named in an error.

    Raises:
        InvalidRequest: The file is no picture, is damaged, or has more than ``MAX_PIXELS`` pixels.
    """
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        with _header(stream) as image:
            check_pixels(image, parameter)
            frames = int(getattr(image, "n_frames", 1))
            image.seek(0)
            image.load()
            upright = to_rgb(image, background=background)
    except InvalidRequest:
        raise
    except Image.DecompressionBombError as error:
        raise InvalidRequest(parameter, too_large(parameter, "more than 170 million pixels")) from error
    except UnidentifiedImageError as error:
        raise InvalidRequest(
            parameter,
            f"{parameter} is not a picture Reverie can read; use PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF.",
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError, RuntimeError) as error:  # the last is Pillow's AVIF decoder
        raise InvalidRequest(parameter, f"{parameter} is damaged or incomplete; save it again and retry.") from error
    notice = f"The {parameter} is animated with {frames} frames; its first frame was used."
    animated = frames > 1 and image.format in ("GIF", "WEBP", "PNG", "AVIF")
    return Upload(upright, (notice,) if animated else ())


def limit_decoding() -> None:
    """Makes Pillow itself refuse more than ``MAX_PIXELS`` everywhere in this process, also in other libraries' hands.

    Pillow warns above its limit and refuses above twice that (``PIL.Image._decompression_bomb_check``).
    """
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def _header(stream: str | Path | BinaryIO) -> Image.Image:
    """Opens a file without decoding its pixels; the size is checked next, so Pillow's own warning is not needed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(stream, formats=FORMATS)


def check_pixels(image: Image.Image, parameter: str = "image") -> None:
    """Refuses a picture with no pixels or more than ``MAX_PIXELS``, before it is decoded.

    Raises:
        InvalidRequest: The size is outside the limit.
    """
    if image.width < 1 or image.height < 1:
        raise InvalidRequest(parameter, f"{parameter} is empty; give a picture with at least one pixel.")
    if image.width * image.height > MAX_PIXELS:
        raise InvalidRequest(parameter, too_large(parameter, f"{image.width} × {image.height} pixels"))


def too_large(parameter: str, size: str) -> str:
    return f"{parameter} has {size}; scale it down to at most 4096 × 4096 and retry."


def to_rgb(image: Image.Image, *, background: str = "#ffffff") -> Image.Image:
    """Makes an upright 8-bit RGB picture from any mode: RGBA, palette, CMYK, 16-bit, float, EXIF-rotated.

    Args:
        image: Any PIL image.
        background: CSS colour that transparent parts are laid on.
    """
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        image = _eight_bit(image)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, background), rgba)
    rgb = image.convert("RGB") if image.mode != "RGB" else image.copy()
    rgb.info.clear()
    return rgb


def _eight_bit(image: Image.Image) -> Image.Image:
    """16-bit files use 0 … 65535; 32-bit ones their own range, and float ones 0 … 1 unless they go beyond."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    top = 65535.0 if image.mode.startswith("I;16") else float(values.max(initial=0.0))
    if not image.mode.startswith("I;16"):
        top = 1.0 if top <= 1.0 else 255.0 if top <= 255.0 else max(top, 65535.0)
    return Image.fromarray(np.clip(np.rint(values * (255.0 / top)), 0, 255).astype(np.uint8), "L")


def cover(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Scales a picture to fill ``size`` and crops what sticks out evenly (Dream Studio's fit, A1111's "Crop and
    resize"). A picture that already has the size is returned unchanged, bit for bit.
    """
    if image.size == size:
        return image
    return ImageOps.fit(image, size, method=Image.Resampling.LANCZOS)


def pad_to_multiple(image: Image.Image, multiple: int = 8) -> Image.Image:
    """Grows a picture to the right and below, repeating its edge, until both sides are multiples of ``multiple``."""
    width, height = (-(-side // multiple) * multiple for side in image.size)
    if (width, height) == image.size:
        return image
    padding = [(0, height - image.height), (0, width - image.width)] + [(0, 0)] * (len(image.getbands()) > 1)
    return Image.fromarray(np.pad(np.asarray(image), padding, mode="edge"), image.mode)


def soften_mask(mask: Image.Image, width: int) -> Image.Image:
    """Gives a mask a soft edge that lies wholly inside it, so that nothing outside the mask is ever touched.

    Args:
        mask: Mode L, 255 = repaint.
        width: How many pixels the edge takes to rise from 0 to its full value; 0 changes nothing.
    """
    if not width:
        return mask
    from scipy.ndimage import distance_transform_edt

    values = np.asarray(mask, dtype=np.float32)
    framed = np.pad(values > 0, 1, mode="edge")  # the picture's own border is no edge of the mask
    distance = distance_transform_edt(framed)[1:-1, 1:-1] if not framed.all() else np.full(values.shape, width)
    return Image.fromarray(np.rint(values * np.clip(distance / width, 0.0, 1.0)).astype(np.uint8), "L")


def mask_from_alpha(image: Image.Image) -> Image.Image:
    """Makes a mask of what was erased from a picture: where it is transparent it is repainted.

    Args:
        image: Any mode with transparency.

    Returns:
        Mode L, 255 = repaint, upright as :func:`to_rgb` makes the picture.

    Raises:
        InvalidRequest: Nothing in the picture is transparent.
    """
    alpha = ImageOps.exif_transpose(image).convert("RGBA").getchannel("A")
    mask = ImageOps.invert(alpha)
    if not mask.getbbox():
        raise InvalidRequest(
            "mask_image", "mask_image is missing: nothing in image is transparent; erase a part, or give a mask."
        )
    return mask


def paste_back(original: Image.Image, edited: Image.Image, mask: Image.Image) -> Image.Image:
    """Puts the edit into the original: where the mask is 0 the original stays bit for bit, where it is 255 the edit.

    Args:
        original: Mode RGB.
        edited: Mode RGB, same size.
        mask: Mode L, same size.
    """
    return Image.composite(edited, original, mask)
