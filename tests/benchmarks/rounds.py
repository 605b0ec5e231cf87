"""Ways to do the same thing, taken in turns: whatever else the machine does falls on all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.figures import Spread


@dataclass(frozen=True)
class Turn:
    """One go.

    Attributes:
        seconds: How long it took.
        result: What it gave.
    """

    seconds: float
    result: Any


def take_turns(ways: Mapping[str, Callable[[], Any]], rounds: int, *, warm_ups: int = 1) -> dict[str, list[Turn]]:
    """Times every way once a round, in the one order and then in the other.

    Args:
        ways: What to time, by name.
        rounds: Rounds that count.
        warm_ups: Rounds before, that do not.
    """
    turns: dict[str, list[Turn]] = {name: [] for name in ways}
    for number in range(-warm_ups, rounds):
        for name in list(ways) if number % 2 == 0 else reversed(list(ways)):
            began = time.perf_counter()
            result = ways[name]()
            turn = Turn(time.perf_counter() - began, result)
            if number >= 0:
                turns[name].append(turn)
    return turns


def ratio(above: list[Turn], below: list[Turn]) -> Spread:
    """How many times longer the one took than the other, round by round."""
    return Spread.of([one.seconds / other.seconds for one, other in zip(above, below, strict=True)])


def seconds(turns: list[Turn]) -> Spread:
    """How long a way took."""
    return Spread.of([turn.seconds for turn in turns])
