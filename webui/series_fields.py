"""The form's fields that ask for more than one request: a grid, several prompts, a loopback."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pipelines.loopback import MOST_LOOPS

AXES: Final = ("grid_x", "grid_y", "grid_z")
VALUES: Final = tuple(f"{axis}_values" for axis in AXES)

ONE: Final = ""
MATRIX: Final = "prompt_matrix"
LIST: Final = "prompt_list"

MANY: Final = (*AXES, *VALUES, "grid_gap", "many_prompts", "matrix_first", "matrix_seeds", "prompt_lines")
"""Those of grids and several prompts, in a fixed order."""

LOOPS: Final = 1
FACTOR: Final = 1.0
FACTORS: Final = (0.5, 1.5)
LARGEST_GAP: Final = 64
LONGEST_TEXT: Final = 20_000

SERIES: Final = (*MANY, "loops", "strength_factor")
"""All of them."""


def first_many() -> dict[str, Any]:
    """What grids and several prompts show to somebody who has never been here: nothing but one request."""
    texts: dict[str, Any] = dict.fromkeys((*AXES, *VALUES, "prompt_lines"), "")
    return texts | {"grid_gap": 4, "many_prompts": ONE, "matrix_first": False, "matrix_seeds": False}


def first_series() -> dict[str, Any]:
    """What all of them show first."""
    return first_many() | {"loops": LOOPS, "strength_factor": FACTOR}


def usable_series(name: str, value: object) -> bool:
    """Whether a remembered value is still good; what an axis is called is looked up when it is used.

    Args:
        name: The field's.
        value: Anything at all.
    """
    numbers: Mapping[str, tuple[float, float]] = {
        "grid_gap": (0, LARGEST_GAP),
        "loops": (1, MOST_LOOPS),
        "strength_factor": FACTORS,
    }
    if name in numbers:
        low, high = numbers[name]
        return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high
    kinds: Mapping[str, Callable[[Any], bool]] = {
        "matrix_first": lambda given: isinstance(given, bool),
        "matrix_seeds": lambda given: isinstance(given, bool),
        "many_prompts": lambda given: given in (ONE, MATRIX, LIST),
    }
    text: Callable[[Any], bool] = lambda given: isinstance(given, str) and len(given) <= LONGEST_TEXT  # noqa: E731
    return kinds.get(name, text)(value)
