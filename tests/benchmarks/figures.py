"""A measured number beside the bar it has to clear."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Spread:
    """How far measured values lie apart, so that nobody has to believe an average.

    Attributes:
        median: The middle one.
        quartiles: A quarter of the values lies below the first, a quarter above the second.
        lowest: The smallest.
        highest: The largest.
        count: How many there are.
    """

    median: float
    quartiles: tuple[float, float]
    lowest: float
    highest: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Describes at least one value."""
        low, _, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
        numbers = (low, high, min(values), max(values))
        low, high, lowest, highest = (round(number, 4) for number in numbers)
        return cls(round(statistics.median(values), 4), (low, high), lowest, highest, len(values))


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes:
        what: What was measured, in a few words.
        value: The number.
        unit: Empty for a ratio.
        at_most: The bar where less is better.
        at_least: The bar where more is better.
        spread: Of the values that ``value`` stands for.
        note: What else one has to know to read it.
    """

    what: str
    value: float
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None
    spread: Spread | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the bar is cleared; None where there is none."""
        if self.at_most is None and self.at_least is None:
            return None
        return (self.at_most is None or self.value <= self.at_most) and (
            self.at_least is None or self.value >= self.at_least
        )

    def to_data(self) -> dict[str, Any]:
        """What JSON keeps: empty fields are left out, the verdict is added."""
        kept = {name: value for name, value in asdict(self).items() if value is not None and value != ""}
        return {**kept, "value": round(self.value, 4), **({} if self.met is None else {"met": self.met})}

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Figure:
        """Reads what :meth:`to_data` wrote."""
        values = {name: value for name, value in data.items() if name != "met"}
        if "spread" in values:
            spread = values["spread"]
            values["spread"] = Spread(**{**spread, "quartiles": tuple(spread["quartiles"])})
        return cls(**values)


@dataclass(frozen=True)
class Result:
    """What a benchmark found.

    Attributes:
        figures: Most important first.
        details: Further numbers, for JSON only.
        skipped: Why it did not run; empty where it did.
    """

    figures: tuple[Figure, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)
    skipped: str = ""
