"""What becomes of a picture on a paper: which part of it is printed, how much it is enlarged, and what that means."""

from __future__ import annotations

from typing import Final, NamedTuple

from PIL import Image

from .paper import Paper

SHARP: Final = 1.05
"""Enlargement up to which nobody sees one."""

NETWORK_REACH: Final = 4.0
"""How much larger an upscaler's network makes a picture with detail of its own; the rest is resampled."""


class Plan(NamedTuple):
    """One picture on one paper.

    Attributes:
        pixels: Width and height of the file.
        crop: What of the picture is printed: left, top, right, bottom in its pixels; all of it where it is fitted.
        scale: How many times larger it becomes.
        own_dpi: Its own pixels an inch of paper, before it is enlarged.
        sentence: What that means for the print.
    """

    pixels: tuple[int, int]
    crop: tuple[float, float, float, float]
    scale: float
    own_dpi: int
    sentence: str


def plan_print(size: tuple[int, int], paper: Paper, *, whole: bool = False, upscaler: str = "") -> Plan:
    """Plans a print.

    Args:
        size: The picture's width and height in pixels.
        paper: What it is printed on.
        whole: Show all of it, with white beside it, instead of filling the paper and cutting what sticks out.
        upscaler: What enlarges it first; empty = resampling alone.
    """
    pixels = paper.pixels
    ratios = pixels[0] / size[0], pixels[1] / size[1]
    scale = min(ratios) if whole else max(ratios)
    if whole:
        crop = (0.0, 0.0, float(size[0]), float(size[1]))
    else:
        width, height = pixels[0] / scale, pixels[1] / scale
        left, top = (size[0] - width) / 2, (size[1] - height) / 2
        crop = (left, top, left + width, top + height)
    return Plan(pixels, crop, scale, round(paper.dpi / scale), _sentence(scale, paper.dpi, upscaler))


def lay_out(image: Image.Image, paper: Paper, *, whole: bool = False) -> Image.Image:
    """Brings a picture to a paper's pixels, by Lanczos.

    Args:
        image: Mode RGB.
        paper: What it is printed on.
        whole: As for :func:`plan_print`.
    """
    plan = plan_print(image.size, paper, whole=whole)
    if not whole:
        return image.resize(plan.pixels, Image.Resampling.LANCZOS, box=plan.crop)
    fitted = (max(1, round(image.width * plan.scale)), max(1, round(image.height * plan.scale)))
    sheet = Image.new("RGB", plan.pixels, "white")
    place = (plan.pixels[0] - fitted[0]) // 2, (plan.pixels[1] - fitted[1]) // 2
    sheet.paste(image.resize(fitted, Image.Resampling.LANCZOS), place)
    return sheet


def _sentence(scale: float, dpi: int, upscaler: str) -> str:
    own = round(dpi / scale)
    if scale <= SHARP:
        return f"The picture has {own} pixels an inch of its own: as sharp as this print can be."
    if not upscaler:
        return f"The picture has {own} pixels an inch of its own; it is enlarged {scale:.1f} times by Lanczos, softly."
    if scale <= NETWORK_REACH:
        return f"The picture has {own} pixels an inch of its own; {upscaler} makes it {scale:.1f} times larger."
    rest = scale / NETWORK_REACH
    return (
        f"The picture has {own} pixels an inch of its own; {upscaler} makes it 4 times larger, and Lanczos another "
        f"{rest:.1f} times."
    )
