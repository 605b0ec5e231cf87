"""A prompt matrix as a grid: each optional part of the prompt off and on, some along X and the others along Y."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .errors import InvalidRequest
from .grid import Cell, Words
from .prompt_matrix import matrix_parts, prompt_matrix
from .request import GenerationRequest
from .seeds import resolve_seeds

NONE = "–"


@dataclass(frozen=True)
class MatrixGrid:
    """A matrix that can be made; it has what a :class:`~pipelines.grid.Grid` has.

    Attributes:
        base: What all cells share; its seed is drawn.
        cells: One for each combination, the base alone first.
        prompts: Each cell's, without a style.
        parts: The optional ones.
        words: The artist's own.
        own_seeds: Whether each picture has a seed of its own.
        varies_style: It does not.
    """

    base: GenerationRequest
    cells: tuple[Cell, ...]
    prompts: tuple[str, ...]
    parts: tuple[str, ...]
    words: Words
    own_seeds: bool = False
    varies_style: bool = False

    def request(self, cell: Cell) -> GenerationRequest:
        """The request of one cell.

        Raises:
            InvalidRequest: Its prompt cannot be used.
        """
        number = self.cells.index(cell)
        prompt, negative_prompt = self.words.look(None, self.prompts[number], self.words.negative_prompt)
        fields = {name: getattr(self.base, name) for name in type(self.base).model_fields}
        seed = resolve_seeds(self.base.seed, number + 1)[-1] if self.own_seeds else self.base.seed
        return type(self.base)(**fields | {"prompt": prompt, "negative_prompt": negative_prompt, "seed": seed})

    def sheets(self) -> Iterator[tuple[int, str]]:
        """One, without a title."""
        yield 0, ""

    def edge(self, which: int) -> tuple[str, ...]:
        """Which parts are on in each column (0) or row (1)."""
        across = _across(len(self.parts))
        own = self.parts[:across] if which == 0 else self.parts[across:]
        return _labels(own)

    def notes(self) -> dict[str, str]:
        """What the sheet's infotext says of it."""
        told = {"Script": "Prompt matrix", "Matrix prompt": self.words.prompt}
        return told | ({"Size": f"{self.base.width}x{self.base.height}"} if self.base.width else {})


def plan_matrix(
    base: GenerationRequest, words: Words, *, first: bool = False, delimiter: str = ", ", own_seeds: bool = False
) -> MatrixGrid:
    """Plans a matrix and makes sure that all of its pictures can be made.

    Args:
        base: What all pictures share.
        words: The artist's own words: ``base|first|second``, and the style that is laid over them.
        first: Put the optional parts before the base.
        delimiter: What stands between them.
        own_seeds: Give each picture a seed of its own, one after the other.

    Raises:
        InvalidRequest: There is no optional part, or too many, or a prompt cannot be used.
    """
    parts = matrix_parts(words.prompt)[1:]
    if not parts:
        raise InvalidRequest(
            "prompt", "prompt has no optional parts for a matrix; write it as 'a boat|at dusk|in fog'."
        )
    prompts = prompt_matrix(words.prompt, first=first, delimiter=delimiter)
    across = _across(len(parts))
    cells = tuple(Cell(number % 2**across, number >> across, 0) for number in range(len(prompts)))
    fixed = base.model_copy(update={"seed": resolve_seeds(base.seed, 1)[0], "num_images_per_prompt": 1})
    grid = MatrixGrid(fixed, cells, tuple(prompts), tuple(parts), words, own_seeds)
    for cell in cells:
        grid.request(cell)
    return grid


def _across(parts: int) -> int:
    """How many parts go along X: the larger half."""
    return (parts + 1) // 2


def _labels(parts: Sequence[str]) -> tuple[str, ...]:
    if not parts:
        return ("",)
    combinations = [
        [part for place, part in enumerate(parts) if number >> place & 1] for number in range(2 ** len(parts))
    ]
    return tuple(", ".join(chosen) or NONE for chosen in combinations)
