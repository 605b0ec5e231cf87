"""The model card: `weights/README.md`, whose table the judge fills in."""

from __future__ import annotations

from pathlib import Path

BEGIN, END = "<!-- judged -->", "<!-- /judged -->"


def write_table(card: Path, text: str) -> None:
    """Puts the judge's table between the card's two marks.

    Args:
        card: The model card.
        text: The table, in Markdown.
    """
    before, rest = card.read_text(encoding="utf-8").split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    card.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")
