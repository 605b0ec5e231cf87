"""A grid's pictures as one sheet with labels along its edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from .images import MAX_PIXELS

LONGEST_SIDE: Final = 8192
"""Pixels; larger sheets are shown by no browser in one piece, and pictures are drawn smaller instead."""

MOST_PIXELS: Final = MAX_PIXELS
"""Of a sheet; with more it could not be opened here again."""

PAPER: Final = (255, 255, 255)
INK: Final = (24, 22, 32)
EMPTY: Final = (228, 226, 234)

MOST_LINES: Final = 4
ELLIPSIS: Final = "…"

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, slots=True)
class Edges:
    """What stands around a sheet.

    Attributes:
        columns: A label for each column; one empty label where there is nothing to say.
        rows: A label for each row.
        title: Above all; empty for none.
    """

    columns: Sequence[str]
    rows: Sequence[str]
    title: str = ""


@dataclass(frozen=True, slots=True)
class _Layout:
    cell: tuple[int, int]
    gap: int
    top: int
    left: int
    title: int
    font: Font
    line: int

    def size(self, edges: Edges) -> tuple[int, int]:
        across, down = len(edges.columns), len(edges.rows)
        return (
            self.left + across * self.cell[0] + (across + 1) * self.gap,
            self.title + self.top + down * self.cell[1] + (down + 1) * self.gap,
        )


def draw_sheet(pictures: Mapping[tuple[int, int], Image.Image], edges: Edges, gap: int = 0) -> Image.Image:
    """Draws a sheet; where a picture is missing its place stays empty.

    Args:
        pictures: By column and row; of any sizes, each is fitted into its cell. At least one.
        edges: The labels.
        gap: Pixels between the cells, 0 … 500; shrunk along with the pictures.

    Returns:
        Mode RGB, no side longer than ``LONGEST_SIDE``.
    """
    cell = max(one.width for one in pictures.values()), max(one.height for one in pictures.values())
    layout = _fitted(cell, edges, gap)
    sheet = Image.new("RGB", layout.size(edges), PAPER)
    draw = ImageDraw.Draw(sheet)
    if edges.title:
        _write(draw, layout, edges.title, (0, 0, sheet.width, layout.title))
    for column, label in enumerate(edges.columns):
        left = layout.left + layout.gap + column * (layout.cell[0] + layout.gap)
        _write(draw, layout, label, (left, layout.title, left + layout.cell[0], layout.title + layout.top))
    for row, label in enumerate(edges.rows):
        top = layout.title + layout.top + layout.gap + row * (layout.cell[1] + layout.gap)
        _write(draw, layout, label, (0, top, layout.left, top + layout.cell[1]))
        for column in range(len(edges.columns)):
            left = layout.left + layout.gap + column * (layout.cell[0] + layout.gap)
            _lay(sheet, pictures.get((column, row)), (left, top), layout.cell)
    return sheet


def _fitted(cell: tuple[int, int], edges: Edges, gap: int) -> _Layout:
    """The layout at the pictures' own size, or as much smaller as it takes."""
    scale = 1.0
    for _ in range(12):
        size = max(1, int(cell[0] * scale)), max(1, int(cell[1] * scale))
        layout = _lay_out(size, edges, int(gap * scale))
        width, height = layout.size(edges)
        over = max(max(width, height) / LONGEST_SIDE, (width * height / MOST_PIXELS) ** 0.5)
        if over <= 1:
            break
        scale *= min(0.98 / over, 0.98)
    return layout


def _lay_out(cell: tuple[int, int], edges: Edges, gap: int) -> _Layout:
    font = ImageFont.load_default(size=max(11, min(34, min(cell) // 14)))
    line = _height(font)
    left = 0
    if any(edges.rows):
        widest = max(_width(font, word) for label in edges.rows for word in (label.split() or [""]))
        longest = max(_width(font, label) for label in edges.rows)
        left = min(max(widest, min(longest, cell[0] * 2 // 3)) + line, max(cell[0], 8 * line))
    lines = max((len(_lines(font, label, cell[0] - line // 2)) for label in edges.columns), default=0)
    top = (lines * line + line // 2) if any(edges.columns) else 0
    title = line * 2 if edges.title else 0
    return _Layout(cell, gap, top, left, title, font, line)


def _lay(sheet: Image.Image, picture: Image.Image | None, place: tuple[int, int], cell: tuple[int, int]) -> None:
    if picture is None:
        sheet.paste(EMPTY, (*place, place[0] + cell[0], place[1] + cell[1]))
        return
    scale = min(cell[0] / picture.width, cell[1] / picture.height)
    if scale < 1 or picture.size != cell:
        size = max(1, round(picture.width * min(scale, 1))), max(1, round(picture.height * min(scale, 1)))
        picture = picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)
    left, top = place[0] + (cell[0] - picture.width) // 2, place[1] + (cell[1] - picture.height) // 2
    sheet.paste(picture.convert("RGB"), (left, top))


def _write(draw: ImageDraw.ImageDraw, layout: _Layout, text: str, box: tuple[int, int, int, int]) -> None:
    """Writes a label into the middle of a box."""
    lines = _lines(layout.font, text, box[2] - box[0] - layout.line // 2) if text else []
    top = box[1] + (box[3] - box[1] - len(lines) * layout.line) // 2
    for number, line in enumerate(lines):
        left = box[0] + (box[2] - box[0] - _width(layout.font, line)) // 2
        draw.text((left, top + number * layout.line), line, fill=INK, font=layout.font)


def _lines(font: Font, text: str, width: int) -> list[str]:
    """Breaks a label at its spaces, long words anywhere, into ``MOST_LINES`` at most."""
    lines: list[str] = []
    rest = " ".join(text[:500].split())
    while rest and len(lines) < MOST_LINES:
        end = _fits(font, rest, width)
        if end < len(rest):
            space = rest.rfind(" ", 0, end + 1)
            end = space if space > 0 else end
        lines.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    if rest:
        last = lines[-1]
        while last and _width(font, last + ELLIPSIS) > width:
            last = last[:-1]
        lines[-1] = last + ELLIPSIS
    return lines


def _fits(font: Font, text: str, width: int) -> int:
    """How many characters fit side by side; at least one."""
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if _width(font, text[:middle]) <= width:
            low = middle
        else:
            high = middle - 1
    return low


def _width(font: Font, text: str) -> int:
    return int(font.getlength(text)) + 1


def _height(font: Font) -> int:
    _, top, _, bottom = font.getbbox("Åg|")
    return int((bottom - top) * 1.35) + 2
