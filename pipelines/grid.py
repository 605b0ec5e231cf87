"""X/Y/Z grids: one picture for each combination of the values of up to three axes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from .errors import InvalidRequest, ReverieError
from .grid_axes import SLOW, Axis, Names, apply_value, find_kind, read_axis
from .grid_values import plain
from .request import GenerationRequest
from .seeds import resolve_seeds

MOST_CELLS: Final = 256
"""Pictures of one grid."""

Look = Callable[[str | None, str, str], tuple[str, str]]
"""Lays a style, by its id, over prompt and negative prompt; None = the one the form has."""


class Cell(NamedTuple):
    """Where one picture stands: an index on each axis."""

    x: int
    y: int
    z: int


@dataclass(frozen=True)
class Words:
    """The artist's own words, and what is laid over them.

    Attributes:
        prompt: Without a style.
        negative_prompt: Likewise.
        look: Lays a style over them.
    """

    prompt: str
    negative_prompt: str
    look: Look


@dataclass(frozen=True)
class Grid:
    """A grid that can be made: every cell's request is one that can be run.

    Attributes:
        base: What all cells share; its seed is drawn.
        axes: X, Y and Z, as many as vary.
        cells: In the order in which they are made: what must be loaded changes as seldom as can be.
        words: The artist's own.
    """

    base: GenerationRequest
    axes: tuple[Axis | None, Axis | None, Axis | None]
    cells: tuple[Cell, ...]
    words: Words

    @property
    def varies_style(self) -> bool:
        """Whether an axis does."""
        return any(axis is not None and axis.kind.id == "style" for axis in self.axes)

    def request(self, cell: Cell) -> GenerationRequest:
        """The request of one cell, for one picture.

        Raises:
            InvalidRequest: It cannot be made; the sentence names the axis.
        """
        fields = {name: getattr(self.base, name) for name in type(self.base).model_fields}
        fields |= {"prompt": self.words.prompt, "negative_prompt": self.words.negative_prompt, "style": None}
        chosen = [(name, axis, place) for name, axis, place in zip("XYZ", self.axes, cell, strict=True) if axis]
        for name, axis, place in sorted(chosen, key=lambda one: one[1].kind.id == "schedule"):  # after its sampler
            try:
                apply_value(axis.kind, axis.values[place], fields)
            except InvalidRequest as error:
                raise _of_axis(name, axis, place, error) from None
            except ValueError as error:
                raise InvalidRequest("grid", f"{name} axis ({axis.kind.label}) {error}") from None
        fields["prompt"], fields["negative_prompt"] = self.words.look(
            fields.pop("style"), fields["prompt"], fields["negative_prompt"]
        )
        if fields["width"] is None or fields["height"] is None:
            fields |= {"width": fields["width"] or fields["height"], "height": fields["height"] or fields["width"]}
        try:
            return type(self.base)(**fields)
        except InvalidRequest as error:
            guilty = [one for one in chosen if one[1].kind.id == error.parameter]
            raise _of_axis(*(guilty or chosen)[0], error) from None

    def sheets(self) -> Iterator[tuple[int, str]]:
        """Index and title of each sheet: one for each value of Z."""
        z = self.axes[2]
        for index, label in enumerate(z.labels if z else [""]):
            yield index, f"{z.kind.label}: {label}" if z else ""

    def edge(self, which: int) -> tuple[str, ...]:
        """The labels along X (0) or Y (1); one empty label where nothing varies there."""
        axis = self.axes[which]
        return tuple(f"{axis.kind.label}: {label}" for label in axis.labels) if axis else ("",)

    def notes(self) -> dict[str, str]:
        """What a sheet's infotext says of the grid, with A1111's keys."""
        told = {"Script": "X/Y/Z plot"}
        for name, axis in zip("XYZ", self.axes, strict=True):
            if axis is not None:
                told |= {f"{name} Type": axis.kind.label, f"{name} Values": axis.text}
                if axis.kind.id in ("seed", "variation_seed"):
                    told[f"Fixed {name} Values"] = ", ".join(plain(value) for value in axis.values)
        if self.base.width and self.base.height:
            told["Size"] = f"{self.base.width}x{self.base.height}"  # a picture's, not the sheet's
        return told


def plan_grid(
    base: GenerationRequest,
    axes: Sequence[tuple[str, str]],
    *,
    names: Names | None = None,
    words: Words | None = None,
) -> Grid:
    """Reads a grid's axes and makes sure that all of its pictures can be made.

    Args:
        base: What all pictures share.
        axes: For X, Y and Z what varies, by id or label, and its values as people write them; an empty name leaves
            the axis out.
        names: What models, VAEs, styles and so on can be named.
        words: The artist's own words without a style; None = the request's, and none is laid over them.

    Raises:
        InvalidRequest: Nothing varies, there are too many pictures, or a value cannot be used; the axis is named.
    """
    kind = type(base)
    read: list[Axis | None] = []
    for name, (what, text) in zip("XYZ", [*axes, ("", ""), ("", ""), ("", "")], strict=False):
        if not what.strip() or what.strip().casefold() == "nothing":
            read.append(None)
            continue
        try:
            found = find_kind(kind, what)
            axis = read_axis(found, text, names or {}, kind)
        except ValueError as error:
            if isinstance(error, ReverieError):
                raise
            raise InvalidRequest("grid", f"{name} axis ({found.label}) {error}") from None
        read.append(_drawn(axis))
    used = [axis.kind.label for axis in read if axis is not None]
    if not used:
        raise InvalidRequest("grid", "The grid varies nothing; choose what its X axis varies.")
    twice = next((label for label in used if used.count(label) > 1), None)
    if twice not in (None, "Prompt S/R"):
        raise InvalidRequest("grid", f"The grid varies {twice} on two axes; choose another for one of them.")
    counts = [len(axis.values) if axis is not None else 1 for axis in read]
    total = counts[0] * counts[1] * counts[2]
    if total > MOST_CELLS:
        product = " × ".join(str(count) for count in counts if count > 1)
        raise InvalidRequest("grid", f"The grid comes to {product} = {total} pictures; {MOST_CELLS} are the most.")
    x, y, z = read
    fixed = base.model_copy(update={"seed": resolve_seeds(base.seed, 1)[0], "num_images_per_prompt": 1})
    own = words or Words(base.prompt, base.negative_prompt, lambda _style, prompt, negative: (prompt, negative))
    cells = [Cell(a, b, c) for c in range(counts[2]) for b in range(counts[1]) for a in range(counts[0])]
    slow = [place for place, axis in enumerate(read) if axis is not None and axis.kind.id in SLOW]
    cells.sort(key=lambda cell: [cell[place] for place in slow])
    grid = Grid(fixed, (x, y, z), tuple(cells), own)
    for cell in cells:
        grid.request(cell)
    return grid


def parse_flag(text: str) -> tuple[str, str]:
    """Reads one axis as a flag has it: ``Steps: 10,20``.

    Raises:
        InvalidRequest: There is no colon in it.
    """
    what, colon, values = text.partition(":")
    if not colon:
        raise InvalidRequest("grid", f"The axis {text[:60]!r} has no colon; write it as 'Steps: 10, 20, 30'.")
    return what.strip(), values.strip()


def _drawn(axis: Axis) -> Axis:
    """Random seeds are drawn once, so that each stands for one column or row."""
    if axis.kind.id not in ("seed", "variation_seed"):
        return axis
    values = tuple(resolve_seeds(int(value), 1)[0] if value == -1 else value for value in axis.values)
    return Axis(axis.kind, values, tuple(plain(value) for value in values), axis.text)


def _of_axis(name: str, axis: Axis, place: int, error: InvalidRequest) -> InvalidRequest:
    return InvalidRequest("grid", f"{name} axis ({axis.kind.label}) at {axis.labels[place][:60]!r}: {error}")


def fields_told(notes: Mapping[str, str]) -> list[tuple[str, str]]:
    """The axes that a sheet's infotext tells: what :meth:`Grid.notes` has written, read back.

    Args:
        notes: Keys and values.
    """
    return [(notes.get(f"{name} Type", ""), notes.get(f"{name} Values", "")) for name in "XYZ"]
