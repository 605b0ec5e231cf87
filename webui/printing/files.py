"""Prints as files: PNG, JPEG, TIFF and PDF that say how large they are on paper."""

from __future__ import annotations

import io
from typing import Any, Final, Literal, get_args

from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from .paper import MM_PER_INCH, Paper

PrintFormat = Literal["png", "jpeg", "tiff", "pdf"]

FORMATS: Final[tuple[PrintFormat, ...]] = get_args(PrintFormat)

ENDINGS: Final = {"png": ".png", "jpeg": ".jpg", "tiff": ".tif", "pdf": ".pdf"}

MEDIA_TYPES: Final = {"png": "image/png", "jpeg": "image/jpeg", "tiff": "image/tiff", "pdf": "application/pdf"}

POINTS_PER_INCH: Final = 72
"""PDF's unit (ISO 32000-1, 8.3.2.3)."""


def encode_print(sheet: Image.Image, paper: Paper, file_format: PrintFormat, *, infotext: str = "") -> bytes:
    """Makes the file.

    Every kind carries the fineness (PNG's ``pHYs``, JPEG's JFIF density, TIFF's resolution tags) and an sRGB profile,
    so that a print shop's program opens it at the right size and in the right colours. A PDF's page has the bleed
    around it, its trim box is the finished print.

    Args:
        sheet: Mode RGB, of the paper's pixels.
        paper: What it is printed on.
        file_format: Which kind.
        infotext: The recipe as text, for PNG; empty = none.
    """
    file = io.BytesIO()
    told: dict[str, Any] = {"icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()}
    if file_format == "pdf":
        return _pdf(sheet, paper)
    told["dpi"] = (paper.dpi, paper.dpi)
    if file_format == "png" and infotext:
        told["pnginfo"] = PngInfo()
        told["pnginfo"].add_text("parameters", infotext)
    if file_format == "jpeg":
        told |= {"quality": 95, "subsampling": 0}
    if file_format == "tiff":
        told["compression"] = "tiff_lzw"
    sheet.save(file, file_format.upper(), **told)
    return file.getvalue()


def _pdf(sheet: Image.Image, paper: Paper) -> bytes:
    from pypdf import PdfWriter  # of use to few, and not needed before
    from pypdf.generic import RectangleObject

    plain = io.BytesIO()
    sheet.save(plain, "PDF", resolution=float(paper.dpi), quality=95, subsampling=0)
    writer = PdfWriter(clone_from=plain)
    page = writer.pages[0]
    points = POINTS_PER_INCH / MM_PER_INCH
    bleed, width, height = (side * points for side in (paper.bleed_mm, paper.width_mm, paper.height_mm))
    whole = RectangleObject((0, 0, width + 2 * bleed, height + 2 * bleed))
    across, up = float(whole.width) / float(page.mediabox.width), float(whole.height) / float(page.mediabox.height)
    page.scale(across, up)  # whole pixels are not quite the paper's millimetres
    page.mediabox = page.cropbox = page.bleedbox = whole
    page.trimbox = page.artbox = RectangleObject((bleed, bleed, bleed + width, bleed + height))
    writer.add_metadata({"/Creator": "Reverie"})
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()
