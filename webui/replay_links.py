"""The links of a chain: for each picture what it began with, so that the same can be done to another picture."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from PIL import Image

from pipelines.errors import ReverieError
from pipelines.images import cover, open_upload
from pipelines.outpainting import grow_canvas
from pipelines.request import SIZE_STEP

from .branching import NOT_KEPT
from .chain import LONGEST, chain_of
from .grid_plan import SHEET
from .library.inputs import lacking
from .library.recipe import digest

if TYPE_CHECKING:
    from .library.picture import SavedPicture
    from .library.recipe import Recipe
    from .library.store import Library

Size = tuple[int, int]

ALTERED: Final = "it began with an altered copy of the picture before, so it can only be replayed with nothing changed."


class CannotReplay(ReverieError):
    """A chain of which a link cannot be made again."""


class Sides(NamedTuple):
    """By how many pixels a picture grew."""

    left: int
    right: int
    top: int
    bottom: int


@dataclass(frozen=True)
class Beginning:
    """What a picture began with.

    Attributes:
        kept: The very pixels.
        link: Whose result that was, from 0; None = it came from outside, or was altered on the way.
        covered: Whether the result was first brought to the size of ``kept``, what stuck out cropped.
        grown: By how much the result was first grown; None = it was not.
        altered: Whether something else was done to the result, nobody knows what.
    """

    kept: Image.Image
    link: int | None = None
    covered: bool = False
    grown: Sides | None = None
    altered: bool = False

    def anew(self, result: Callable[[int], Image.Image], scale: Scale) -> Image.Image:
        """What another picture begins with in its place.

        Args:
            result: Gives the new result of a link.
            scale: How much larger it all is.
        """
        if self.link is None:
            return self.kept if scale.same else self.kept.resize(scale.of(self.kept.size), Image.Resampling.LANCZOS)
        image = result(self.link)
        if self.grown is not None:
            return grow_canvas(image, **scale.sides(self.grown)._asdict(), seam=0).image
        return cover(image, scale.of(self.kept.size)) if self.covered else image


@dataclass(frozen=True)
class Scale:
    """How much wider and taller everything is made."""

    across: float = 1.0
    down: float = 1.0

    @property
    def same(self) -> bool:
        """Whether nothing changes."""
        return self.across == self.down == 1

    @property
    def length(self) -> float:
        """For lengths that are neither wide nor tall."""
        return float((self.across * self.down) ** 0.5)

    def of(self, size: Size) -> Size:
        """A size made larger, in multiples of 8; unchanged where nothing is."""
        return size if self.same else (_stepped(size[0] * self.across), _stepped(size[1] * self.down))

    def sides(self, sides: Sides) -> Sides:
        """The same for growing."""
        if self.same:
            return sides
        wide, tall = ([_stepped(one * by) if one else 0 for one in pair] for pair, by in self._pairs(sides))
        return Sides(*wide, *tall)

    def _pairs(self, sides: Sides) -> tuple[tuple[Size, float], tuple[Size, float]]:
        return ((sides.left, sides.right), self.across), ((sides.top, sides.bottom), self.down)


@dataclass(frozen=True)
class Link:
    """One picture of a chain.

    Attributes:
        picture: As it is in the library.
        recipe: The picture's.
        beginning: What it began with; None = nothing but words.
        mask: Its mask, mode L; None = it had none.
        where: How a sentence about it begins.
    """

    picture: SavedPicture
    recipe: Recipe
    beginning: Beginning | None
    mask: Image.Image | None
    where: str


def read_links(library: Library, owner: str, picture: SavedPicture) -> list[Link]:
    """Reads how each picture of a chain was made.

    Args:
        library: Whose pictures they are.
        owner: The owner's token.
        picture: The last of the chain.

    Raises:
        CannotReplay: One of them cannot be made again.
    """
    chain = chain_of(library, owner, picture)
    if len(chain) == LONGEST:
        raise CannotReplay(f"The chain has {LONGEST} pictures or more, too many to replay; take an earlier picture.")
    links: list[Link] = []
    pixels: list[Image.Image] = []
    for number, one in enumerate(chain):
        where = f"Picture {number + 1} of {len(chain)} cannot be made again: "
        recipe, kept = library.recipe(owner, one.id), library.inputs(owner, one.id)
        if recipe is None or one.edit == SHEET:
            raise CannotReplay(f"{where}{'its recipe is gone' if recipe is None else 'it is a sheet of several'}.")
        if lacking(recipe, kept):
            raise CannotReplay(f"{where}{NOT_KEPT}")
        beginning = _beginning(recipe, kept["image"], links, pixels) if "image" in kept else None
        links.append(Link(one, recipe, beginning, kept.get("mask_image"), where))
        pixels.append(pixels_of(one))
    return links


def pixels_of(picture: SavedPicture) -> Image.Image:
    """A finished picture's pixels.

    Raises:
        InvalidRequest: They cannot be read any more.
    """
    return open_upload(picture.path if picture.path is not None else io.BytesIO(picture.image or b"")).image


def _beginning(recipe: Recipe, kept: Image.Image, links: Sequence[Link], pixels: Sequence[Image.Image]) -> Beginning:
    """Finds out what was done to which earlier picture before this one began with it."""
    found = Beginning(kept)
    if not links:
        return found
    wanted = str(recipe.request["image"])
    for number in reversed(range(len(pixels))):
        if pixels[number].size == kept.size and digest(pixels[number]) == wanted:
            return replace(found, link=number)
    last = links[-1]
    if last.beginning is not None and last.recipe.request.get("image") == wanted:  # a branch begins where that did
        return last.beginning
    if digest(cover(pixels[-1], kept.size)) == wanted:
        return replace(found, link=len(pixels) - 1, covered=True)
    grown = grown_by(pixels[-1], kept)
    return replace(found, altered=True) if grown is None else replace(found, link=len(pixels) - 1, grown=grown)


def grown_by(before: Image.Image, after: Image.Image) -> Sides | None:
    """By how much a picture was grown on the easel, in steps of 8 pixels; None where it was not.

    Args:
        before: Mode RGB.
        after: Mode RGB.
    """
    across, down = after.width - before.width, after.height - before.height
    if across < 0 or down < 0 or not across + down:
        return None
    old, new = np.asarray(before), np.asarray(after)
    for top in range(0, down + 1, SIZE_STEP):
        for left in range(0, across + 1, SIZE_STEP):
            corner = new[top : top + SIZE_STEP, left : left + SIZE_STEP]
            if not np.array_equal(corner, old[:SIZE_STEP, :SIZE_STEP]):
                continue
            if np.array_equal(new[top : top + before.height, left : left + before.width], old):
                sides = Sides(left, across - left, top, down - top)
                canvas = grow_canvas(before, **sides._asdict(), seam=0).image
                return sides if canvas.tobytes() == after.tobytes() else None
    return None


def _stepped(length: float) -> int:
    return max(1, round(length / SIZE_STEP)) * SIZE_STEP
