"""How large a print is: a product or a size of one's own, its fineness and its bleed, and the pixels they come to."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from pipelines.errors import InvalidRequest

PRODUCTS_FILE: Final = Path(__file__).resolve().parents[2] / "presets" / "print.json"

MM_PER_INCH: Final = 25.4

UNITS: Final = {"mm": 1.0, "cm": 10.0, "in": MM_PER_INCH, "inch": MM_PER_INCH, "inches": MM_PER_INCH, '"': MM_PER_INCH}
"""Millimetres in each unit."""

SMALLEST_MM: Final = 10.0
LARGEST_MM: Final = 2000.0
LARGEST_BLEED_MM: Final = 50.0
DPI: Final = (50, 1200)
"""The coarsest and the finest that can be asked for; presses print with 150 to 300."""

MOST_PIXELS: Final = 120_000_000
"""Of a file, its bleed among them: an A1 poster at 300 dpi, and half a gigabyte while it is made."""

_SIZE: Final = re.compile(r'\s*(\d{1,5}(?:[.,]\d{1,4})?)\s*[x×*]\s*(\d{1,5}(?:[.,]\d{1,4})?)\s*([a-z"]*)\s*')


class Product(NamedTuple):
    """Something that can be printed on.

    Attributes:
        id: What the page calls it.
        label: What people call it.
        width_mm: Of the finished thing, in millimetres.
        height_mm: Likewise.
        bleed_mm: What is printed beyond each edge and cut off.
        dpi: Pixels an inch that suit it.
    """

    id: str
    label: str
    width_mm: float
    height_mm: float
    bleed_mm: float
    dpi: int


def load_products() -> tuple[Product, ...]:
    """Reads what ``presets/print.json`` lists."""
    return tuple(Product(**row) for row in json.loads(PRODUCTS_FILE.read_text(encoding="utf-8")))


@dataclass(frozen=True, slots=True)
class Paper:
    """One print.

    Attributes:
        width_mm: Of the finished print, in millimetres, 10 … 2000.
        height_mm: Likewise.
        dpi: Pixels an inch, 50 … 1200.
        bleed_mm: What is printed beyond each edge and cut off, 0 … 50.

    Raises:
        InvalidRequest: It cannot be printed; the sentence names what, and the way out.
    """

    width_mm: float
    height_mm: float
    dpi: int = 300
    bleed_mm: float = 0.0

    def __post_init__(self) -> None:
        for name, side in (("width", self.width_mm), ("height", self.height_mm)):
            if not math.isfinite(side) or not SMALLEST_MM <= side <= LARGEST_MM:
                raise InvalidRequest(
                    name, f"{name} is {side / 10:g} cm; a print is {SMALLEST_MM / 10:g} to {LARGEST_MM / 10:g} cm."
                )
        if not DPI[0] <= self.dpi <= DPI[1]:
            raise InvalidRequest("dpi", f"dpi is {self.dpi}; give a whole number from {DPI[0]} to {DPI[1]}.")
        if not math.isfinite(self.bleed_mm) or not 0 <= self.bleed_mm <= LARGEST_BLEED_MM:
            raise InvalidRequest("bleed", f"bleed is {self.bleed_mm:g} mm; give 0 to {LARGEST_BLEED_MM:g} mm.")
        width, height = self.pixels
        if width * height > MOST_PIXELS:
            most = int(self.dpi * math.sqrt(MOST_PIXELS / (width * height)))
            raise InvalidRequest(
                "dpi",
                f"dpi is {self.dpi}, which makes {width} × {height} pixels, and {MOST_PIXELS // 1_000_000} million are "
                f"the most; give at most {most}.",
            )

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height of the file, its bleed among them."""
        return self._in_pixels(self.width_mm + 2 * self.bleed_mm), self._in_pixels(self.height_mm + 2 * self.bleed_mm)

    @property
    def bleed_pixels(self) -> int:
        """Pixels along each edge that are cut off."""
        return self._in_pixels(self.bleed_mm)

    def turned(self) -> Paper:
        """The same on its side."""
        return Paper(self.height_mm, self.width_mm, self.dpi, self.bleed_mm)

    def _in_pixels(self, millimetres: float) -> int:
        return round(millimetres / MM_PER_INCH * self.dpi)


def read_size(text: str) -> tuple[float, float]:
    """Reads a size of one's own, such as ``30 x 40 cm`` or ``12 × 16 in``; without a unit it is in centimetres.

    Returns:
        Width and height in millimetres.

    Raises:
        InvalidRequest: It is no size.
    """
    found = _SIZE.fullmatch(text[:60].lower())
    unit = UNITS.get(found[3] or "cm") if found else None
    if found is None or unit is None:
        raise InvalidRequest("size", f"size is {text[:40]!r}; give two numbers and a unit, such as 30 x 40 cm.")
    return float(found[1].replace(",", ".")) * unit, float(found[2].replace(",", ".")) * unit
