"""What was found in a picture, as the page shows it: a heading, a table in three parts, and the raw text."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from .controls import image_strength_of
from .library.request_fields import default_of
from .plain_fields import BY_NAME
from .plain_form import plain_words
from .tabs import image_to_image, inpaint, text_to_image
from .wording import LABELS, sampler_words

if TYPE_CHECKING:
    from .library.foreign import ForeignRecipe
    from .studio import Studio

NOT_KNOWN: Final = "The text inside is not a recipe that Reverie knows; here it is as it stands."
NOTHING: Final = "Nothing inside tells how it was made. Many sites and messengers take the recipe out of pictures."
NO_RECIPE: Final = "This text is not a recipe that Reverie knows."

TITLES: Final = {task.TASK: task.TITLE for task in (text_to_image, image_to_image, inpaint)}


def heading(found: ForeignRecipe, size: tuple[int, int] | None) -> str:
    """The answer in one line, as HTML; its ``data-can`` names the buttons that are of use.

    Args:
        found: What the picture or the text tells.
        size: The picture's width and height in pixels; None = it was a text.
    """
    can = ["start"] if size else []
    can += ["use"] if found.fields else []
    can += ["prompt"] if found.fields.get("prompt") else []
    can += ["prove"] if size and found.recipe is not None else []
    parts = [f"{size[0]} × {size[1]} px"] if size else []
    if found.fields:
        title, lead = f"Made by {found.writer}", ""
        parts.append(f"for {TITLES[found.task]}")
    else:
        title = "No recipe found" if found.writer == "unknown" else f"Made by {found.writer}"
        lead = (NOT_KNOWN if found.raw else NOTHING) if size else NO_RECIPE
    told = f"<p>{html.escape(lead)}</p>" if lead else ""
    small = f"<small>{html.escape(' · '.join(parts))}</small>" if parts else ""
    return (
        f'<div class="answer" role="status" data-can="{" ".join(can)}"><h3>{html.escape(title)}</h3>{small}{told}</div>'
    )


def trouble(sentence: str) -> str:
    """The answer where nothing could be read, as HTML."""
    return f'<div class="answer" role="status" data-can=""><h3>Not read</h3><p>{html.escape(sentence)}</p></div>'


def table(studio: Studio, found: ForeignRecipe) -> str:
    """The three parts and the raw text, as HTML; a part without rows is left out.

    Args:
        studio: Knows the models' names.
        found: What the picture or the text tells.
    """
    near = {row.field for row in found.approximated}
    taken = [(_label(name), _shown(studio, name, value), "") for name, value in _plain(found, near)]
    approximated = [(_label(row.field), _shown(studio, row.field, row.value), row.how) for row in found.approximated]
    not_possible = [(what, why, "") for what, why in impossible(found)]
    parts = (("Taken", "taken", taken), ("Approximated", "near", approximated), ("Not possible", "not", not_possible))
    bodies = "".join(_part(title, kind, rows) for title, kind, rows in parts if rows)
    rows = f'<table class="recipe-table"><colgroup><col><col></colgroup>{bodies}</table>' if bodies else ""
    opened = "" if found.fields else " open"
    if not found.raw:
        return rows
    raw = f'<pre tabindex="0">{html.escape(found.raw)}</pre>'
    return f'{rows}<details class="raw"{opened}><summary>Raw text</summary>{raw}</details>'


def impossible(found: ForeignRecipe) -> Iterator[tuple[str, str]]:
    """What cannot be had, in the page's words, and why."""
    for row in found.not_possible:
        yield _label(row.what), row.why


def _plain(found: ForeignRecipe, near: set[str]) -> Iterator[tuple[str, Any]]:
    """The values that were taken; width and height as one where both were."""
    values: Mapping[str, Any] = {row.field: row.value for row in found.taken if row.field not in near}
    whole = {"width", "height"} <= values.keys()
    for name, value in values.items():
        if (whole and name == "height") or (name in BY_NAME and value == default_of(name)):
            continue
        yield ("size", (value, values["height"])) if whole and name == "width" else (name, value)


def _label(name: str) -> str:
    """A field in the page's words; anything else, such as ``model some_name``, as it is."""
    words = name if " " in name else name.replace("_", " ")
    return LABELS.get(name) or words[:1].upper() + words[1:]


def _shown(studio: Studio, name: str, value: Any) -> str:
    if name == "size":
        return f"{value[0]} × {value[1]}"
    if name == "strength":
        return f"{image_strength_of(float(value))} %"
    if name == "scheduler" and value:
        return " · ".join(sampler_words(value))
    if name == "model" and str(value) in studio.models:
        return studio.models[str(value)].name
    if name in ("prompt", "negative_prompt") and not value:
        return "none"
    return plain_words(name, value)


def _part(title: str, kind: str, rows: Iterable[tuple[str, str, str]]) -> str:
    head = f'<tr><th colspan="2" scope="rowgroup">{title}</th></tr>'
    return f'<tbody class="{kind}">{head}{"".join(map(_row, rows))}</tbody>'


def _row(cells: tuple[str, str, str]) -> str:
    name, value, how = map(html.escape, cells)
    more = f"<small>{how}</small>" if how else ""
    return f'<tr><th scope="row">{name}</th><td><div>{value}</div>{more}</td></tr>'
