"""A grid as a series: one job for each of its pictures, and at the end a sheet for each value of Z."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from PIL import Image

from pipelines.events import ImageFinished
from pipelines.grid import Cell, Grid
from pipelines.grid_sheet import MOST_PIXELS, Edges, draw_sheet
from pipelines.images import open_upload
from pipelines.matrix_grid import MatrixGrid

from .library.picture import SavedPicture
from .library.prove import machine_of
from .origin import Origin
from .series import Made, Plan

if TYPE_CHECKING:
    from pipelines.request import GenerationRequest

    from .studio import Studio

SHEET: Final = "grid_sheet"
"""What a sheet's recipe says was done."""

KeepSheet = Callable[[str, "GenerationRequest", Image.Image, Mapping[str, str]], SavedPicture]
"""Puts an owner's sheet into the library: owner, the request its pictures share, the sheet, and its notes."""


class GridPlan(Plan):
    """Makes a grid's pictures one after the other; those that fail leave their places empty.

    Args:
        grid: What to make.
        kind: As for every plan.
        keep: Where sheets go.
        style: Id of the style that was laid over the prompts.
        gap: Pixels between the pictures on a sheet.
    """

    def __init__(
        self, grid: Grid | MatrixGrid, kind: str, keep: KeepSheet, style: str | None = None, gap: int = 0
    ) -> None:
        self._grid, self._keep, self._style, self._gap = grid, keep, style, gap
        self.kind, self.count = kind, len(grid.cells)

    def next_request(self, made: Made) -> GenerationRequest | None:
        """The next cell's."""
        return self._grid.request(self._grid.cells[len(made)]) if len(made) < self.count else None

    def origin(self, made: Made) -> Origin:  # noqa: ARG002 - no picture comes from another
        """The style, which is every cell's unless an axis varies it."""
        return Origin(style=None if self._grid.varies_style else self._style)

    def finish(self, owner: str, made: Made) -> str | None:
        """Draws the sheets of what there is."""
        there = {cell: pictures[0] for cell, pictures in zip(self._grid.cells, made, strict=False) if pictures}
        if len(there) < 2:
            return None
        troubles = []
        for z, title in self._grid.sheets():
            own = {cell: picture for cell, picture in there.items() if cell.z == z}
            if own:
                kept = self._keep(owner, self._grid.base, self._draw(own, title), self._notes(title))
                troubles += [kept.notice] if kept.notice else []
        return f"The sheet of the grid is not saved: {troubles[0]}" if troubles else None

    def _draw(self, pictures: Mapping[Cell, SavedPicture], title: str) -> Image.Image:
        columns, rows = self._grid.edge(0), self._grid.edge(1)
        largest = max(picture.width * picture.height for picture in pictures.values())
        scale = min(1.0, (MOST_PIXELS / (largest * len(columns) * len(rows))) ** 0.5)
        opened = {(cell.x, cell.y): _small(picture, scale) for cell, picture in pictures.items()}
        return draw_sheet(opened, Edges(columns, rows, title), self._gap)

    def _notes(self, title: str) -> dict[str, str]:
        notes = self._grid.notes()
        return notes | {"Z": title} if title else notes


def keeper_of_sheets(studio: Studio) -> KeepSheet:
    """Keeps sheets in a studio's library, with the recipe that their pictures share and the axes."""

    def keep(owner: str, request: GenerationRequest, sheet: Image.Image, notes: Mapping[str, str]) -> SavedPicture:
        told: dict[str, Any] = {"model": studio.model(request.model), "machine": machine_of(studio.manager)}
        event = ImageFinished(0, sheet, request.seed)
        return studio.library.keep(owner, request, event, edit=SHEET, notes=notes, **told)

    return keep


def _small(picture: SavedPicture, scale: float) -> Image.Image:
    """A cell's picture, shrunk at once where all of them together would fill memory."""
    image = open_upload(picture.path if picture.path is not None else io.BytesIO(picture.image or b"")).image
    if scale >= 1:
        return image
    size = max(1, int(image.width * scale)), max(1, int(image.height * scale))
    return image.resize(size, Image.Resampling.LANCZOS)
