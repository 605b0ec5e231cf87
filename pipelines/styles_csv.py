"""A1111's ``styles.csv`` as styles of ours, and styles as files."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from .errors import PresetError
from .preset import PROMPT, Style, apply_style, take_style_off

LARGEST_FILE: Final = 4 << 20
MOST_STYLES: Final = 2000


def read_styles_csv(data: bytes, taken: Iterable[str] = ()) -> tuple[list[Style], list[PresetError]]:
    """Reads the styles of A1111, which have the columns ``name``, ``prompt`` and ``negative_prompt``.

    A text without ``{prompt}`` is put after the artist's own with a comma, as there.

    Args:
        data: The file's bytes.
        taken: Ids that are in use; a style whose name would give one of them gets a number.

    Returns:
        The styles in the file's order, and one error for each row that cannot be used.

    Raises:
        PresetError: It is too large, or no table with those columns.
    """
    if len(data) > LARGEST_FILE:
        raise PresetError(f"styles.csv has {len(data):,} bytes; give at most {LARGEST_FILE:,}.")
    text = data.decode("utf-8-sig", errors="replace").replace("\0", "")
    styles: list[Style] = []
    problems: list[PresetError] = []
    ids = set(taken)
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise PresetError(f"styles.csv is no table ({error}); export it again.") from error
    if rows and not {"name", "prompt"} <= set(rows[0]) and not {"name", "text"} <= set(rows[0]):
        raise PresetError("styles.csv lacks the columns name, prompt and negative_prompt; name them in its first line.")
    for row in rows[:MOST_STYLES]:
        name = (row.get("name") or "").strip()
        prompt = (row.get("prompt") or row.get("text") or "").strip()
        avoided = (row.get("negative_prompt") or "").strip()
        if not name or not (prompt or avoided):
            continue  # A1111's "None", and dividers
        try:
            styles.append(
                Style(id=_free_id(name, ids), label=name[:80], prompt=_with_place(prompt), negative_prompt=avoided)
            )
            ids.add(styles[-1].id)
        except ValidationError as error:
            reason = str(error.errors(include_url=False)[0]["msg"]).removeprefix("Value error, ")
            problems.append(PresetError(f"styles.csv has {name[:60]!r}, which cannot be used ({reason}); change it."))
    if len(rows) > MOST_STYLES:
        problems.append(PresetError(f"styles.csv has {len(rows):,} rows; those after {MOST_STYLES:,} were left out."))
    return styles, problems


def apply_styles(styles: Sequence[Style], prompt: str, negative_prompt: str = "") -> tuple[str, str]:
    """Lays several styles over a prompt, the first innermost.

    Returns:
        ``prompt`` and ``negative_prompt`` for a request.
    """
    for style in styles:
        prompt, negative_prompt = apply_style(style, prompt, negative_prompt)
    return prompt, negative_prompt


def take_styles_off(styles: Sequence[Style], prompt: str, negative_prompt: str = "") -> tuple[str, str] | None:
    """Gives the artist's own words back: the reverse of :func:`apply_styles`.

    Returns:
        ``prompt`` and ``negative_prompt`` as the artist wrote them; None where a look's text is another today.
    """
    own: tuple[str, str] | None = (prompt, negative_prompt)
    for style in reversed(styles):
        if own is None:
            break
        own = take_style_off(style, *own)
    return own


def save_style(style: Style, folder: Path) -> Path:
    """Writes a style as the file that :func:`~pipelines.preset.load_styles` reads; whole or not at all.

    Raises:
        PresetError: The folder cannot be written to.
    """
    path = folder / f"{style.id}.json"
    values = style.model_dump(exclude_defaults=True)
    beside = path.with_suffix(".json.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps(values, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        os.replace(beside, path)  # noqa: PTH105 - says that it replaces
    except OSError as error:
        raise PresetError(
            f"style {style.id!r} could not be saved ({error.strerror}); free the folder's way."
        ) from error
    return path


def _with_place(prompt: str) -> str:
    if PROMPT in prompt:
        return prompt
    return f"{PROMPT}, {prompt}" if prompt else PROMPT


def _free_id(name: str, taken: set[str]) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:56].rstrip("-") or "style"
    return next(
        one for one in (stem, *(f"{stem}-{number}" for number in range(2, MOST_STYLES + 9))) if one not in taken
    )
