"""Whose turn it is: owners in the order of the steps they were served, convoys of one owner one after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable


class Turns:
    """Counts steps served. Not thread-safe: the engine asks under its own lock."""

    def __init__(self) -> None:
        self._steps: Counter[str] = Counter()
        self._last: dict[Hashable, int] = {}
        self._clock = 0

    def welcome(self, owner: str) -> None:
        """Lets an owner who was away begin level with those who are here: no credit is saved up, none is owed."""
        self._steps[owner] = min(self._steps.values(), default=0)

    def count(self, served: Iterable[tuple[str, Hashable]]) -> None:
        """Notes a batch: one (owner, convoy) for each picture in it."""
        self._clock += 1
        for owner, convoy in served:
            self._steps[owner] += 1
            self._last[convoy] = self._clock

    def place(self, owner: str, convoy: Hashable) -> tuple[int, int]:
        """Sorts who comes first: fewest steps served, then longest not served."""
        return self._steps[owner], self._last.get(convoy, -1)

    def forget(self, owners: Iterable[str], convoys: Iterable[Hashable]) -> None:
        """Keeps only those who still have pictures running."""
        here, on_the_way = set(owners), set(convoys)
        self._steps = Counter({owner: steps for owner, steps in self._steps.items() if owner in here})
        self._last = {convoy: turn for convoy, turn in self._last.items() if convoy in on_the_way}
