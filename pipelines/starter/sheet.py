"""Contact sheets: many pictures with their captions in one."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from PIL import Image, ImageDraw


def contact_sheet(pictures: Sequence[Image.Image], captions: Sequence[str], columns: int = 10) -> Image.Image:
    """Returns one picture of all, each with its caption under it.

    Args:
        pictures: Pictures of one size.
        captions: As many captions.
        columns: How many stand side by side.
    """
    width, height = pictures[0].size
    cell = (width + 4, height + 36)
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (cell[0] * columns, cell[1] * rows), "white")
    draw = ImageDraw.Draw(sheet)
    for index, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        x, y = cell[0] * (index % columns), cell[1] * (index // columns)
        sheet.paste(picture, (x + 2, y + 2))
        draw.multiline_text((x + 3, y + height + 3), "\n".join(textwrap.wrap(caption, 22)[:3]), "black", spacing=1)
    return sheet
