"""A recipe's values as the form takes them, and what of it the form cannot hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from .filling import own_words, settings_of
from .library.foreign_extras import installed_of, without_missing
from .picture_info_table import impossible

if TYPE_CHECKING:
    from .library.foreign import ForeignRecipe
    from .studio import Studio

MOST_NAMED: Final = 3
LONGEST_NAMED: Final = 60


def form_values(studio: Studio, found: ForeignRecipe, *, prompt_only: bool = False) -> dict[str, Any]:
    """The form's values for what a recipe tells; what it does not tell is not among them.

    Args:
        studio: Whose models they name.
        found: The recipe.
        prompt_only: Whether only the words are wanted.
    """
    told = found.fields
    values: dict[str, Any] = {name: told[name] for name in ("prompt", "negative_prompt") if name in told}
    if "prompt" in told:
        style = found.recipe.style if found.recipe is not None else None
        values |= own_words(studio, style or "", str(told["prompt"]), str(told.get("negative_prompt") or ""))
        if "negative_prompt" not in told:
            del values["negative_prompt"]
        values["prompt"] = without_missing(values["prompt"], installed_of(studio.manager).loras)
    if prompt_only:
        return values
    if "seed" in told:
        values["seed"] = str(told["seed"])
    return values | settings_of(studio, told, found.task)


def filled_sentence(
    found: ForeignRecipe, values: Mapping[str, Any], style: object, *, prompt_only: bool = False
) -> str:
    """Says that the form is filled, and what could not be.

    Args:
        found: The recipe.
        values: What the form was filled with.
        style: The style that was chosen until now.
        prompt_only: Whether only the words were wanted.
    """
    parts = ["The form has this prompt now." if prompt_only else "The form has these settings now."]
    if style and values.get("style") == []:
        parts.append("The style was taken off, because the prompt holds all of it.")
    left = [what if len(what) <= LONGEST_NAMED else f"{what[:LONGEST_NAMED]}…" for what, _ in impossible(found)]
    if left and not prompt_only:
        parts.append(f"Not filled: {_listed(left)}; Picture info says why.")
    return " ".join(parts)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    shown = ", ".join(names[:MOST_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown
