"""Recipes in any picture: ours, A1111's, Forge's, SD.Next's, ComfyUI's, InvokeAI's, Fooocus', NovelAI's, klms-gui's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pipelines.hashes import WeightsHashes

from . import foreign_graphs, foreign_readers
from .carried import OWN, PARAMETERS, texts_of
from .embed import Stamp
from .foreign_extras import Installed
from .foreign_found import Found, NotThis
from .foreign_rows import Approximated, NotPossible, Rows, Taken, rows_for
from .infotext import LONGEST_TEXT
from .recipe import ModelLike, Recipe, RecipeError, read_json

UNKNOWN: Final = "unknown"

LONGEST_RAW: Final = 100_000
"""Characters of raw text that are shown."""

QUICKLY_HASHED: Final = 1 << 28
"""Bytes of weights that are hashed while somebody waits for a recipe."""

READERS: Final[tuple[Callable[[Mapping[str, str]], Found], ...]] = (
    foreign_readers.fooocus,
    foreign_readers.infotext,
    foreign_readers.klms,
    foreign_readers.novelai,
    foreign_graphs.invokeai,
    foreign_graphs.comfyui,
)


@dataclass(frozen=True, slots=True)
class ForeignRecipe:
    """What a picture tells about how it was made, and what of it can be had here.

    Attributes:
        writer: The program: ``Reverie``, ``AUTOMATIC1111``, ``Forge``, ``SD.Next``, ``ComfyUI``, ``InvokeAI``,
            ``Fooocus``, ``NovelAI``, ``klms-gui``; or ``unknown``, and then ``raw`` is all there is.
        task: ``text_to_image``, ``image_to_image`` or ``inpaint``: which tab it belongs to.
        fields: Request fields by diffusers' names, ready to fill the form with; each keeps its limits.
        taken: Values as they were.
        approximated: Values as near as can be, and how.
        not_possible: What cannot be had, and why.
        raw: Every text in the file as it stands there, cut where it is very long.
        recipe: The whole recipe, where the picture is ours.
    """

    writer: str
    task: str
    fields: Mapping[str, Any]
    taken: tuple[Taken, ...]
    approximated: tuple[Approximated, ...]
    not_possible: tuple[NotPossible, ...]
    raw: str = field(repr=False)
    recipe: Recipe | None = field(default=None, repr=False)


def read_foreign(
    source: str | Path | bytes,
    models: Sequence[ModelLike] = (),
    weights: WeightsHashes | None = None,
    installed: Installed = Installed(),  # noqa: B008 - frozen
) -> ForeignRecipe:
    """Reads a picture's recipe, whoever wrote it; decodes no pixel and runs nothing that it finds.

    Args:
        source: A path, or the file's bytes.
        models: Those that can be asked for; a recipe's model is looked for among them by hash, then by name.
        weights: Knows their hashes; None = they are told apart by name only. Of large files only those count that
            are known already: reading hundreds of gigabytes would answer nobody's question in time.
        installed: LoRAs and VAEs that a recipe's are looked for among.

    Raises:
        RecipeError: The file is no picture that can be read, or is too large.
    """
    return read_texts(texts_of(source), models, weights, installed)


def read_text(
    text: str,
    models: Sequence[ModelLike] = (),
    weights: WeightsHashes | None = None,
    installed: Installed = Installed(),  # noqa: B008 - frozen
) -> ForeignRecipe:
    """Reads a recipe that somebody pasted as text: A1111's layout, or Fooocus' JSON.

    Raises:
        RecipeError: It is too long to be a recipe.
    """
    if len(text) > LONGEST_TEXT:
        raise RecipeError(f"The recipe text has {len(text)} characters; at most {LONGEST_TEXT} can be read.")
    return read_texts({PARAMETERS: text}, models, weights, installed)


def read_texts(
    texts: Mapping[str, str],
    models: Sequence[ModelLike] = (),
    weights: WeightsHashes | None = None,
    installed: Installed = Installed(),  # noqa: B008 - frozen
) -> ForeignRecipe:
    """Reads a recipe out of a picture's texts by their names."""

    def hash_of(model: ModelLike) -> str | None:
        place = getattr(model, "place", None)
        if weights is None or not isinstance(place, Path):
            return getattr(model, "hash", None)
        small = getattr(model, "size_bytes", 0) <= QUICKLY_HASHED
        return weights.of(place) if small else weights.known(place)

    raw = "\n\n".join(f"{name}: {text[:LONGEST_RAW]}" for name, text in texts.items())[:LONGEST_RAW]
    damage: list[NotPossible] = []
    if OWN in texts:
        try:
            recipe = read_json(Stamp, texts[OWN]).recipe
            rows = rows_for(_ours(recipe), models, hash_of, installed)
            return _answer("Reverie", rows, raw, recipe=recipe)
        except RecipeError as error:
            damage.append(NotPossible("the complete recipe", str(error)))
    for reader in READERS:
        try:
            found = reader(texts)
        except (NotThis, RecipeError):
            continue
        return _answer(found.writer, rows_for(found, models, hash_of, installed), raw, damage)
    return _answer(UNKNOWN, Rows(), raw, damage)


def _answer(
    writer: str, rows: Rows, raw: str, damage: Sequence[NotPossible] = (), recipe: Recipe | None = None
) -> ForeignRecipe:
    return ForeignRecipe(
        writer=writer,
        task=rows.task,
        fields=rows.fields(),
        taken=tuple(rows.taken),
        approximated=tuple(rows.approximated),
        not_possible=(*damage, *rows.not_possible),
        raw=raw,
        recipe=recipe,
    )


def _ours(recipe: Recipe) -> Found:
    """Our own recipe as a reader would have found it."""
    told = recipe.repeating_fields()
    values: dict[str, Any] = {name: value for name, value in told.items() if name not in ("model", "scheduler")}
    values["sampler"] = told.get("scheduler")
    if recipe.model is not None:
        values |= {"model_name": recipe.model.id, "model_hash": recipe.model.hash or ""}
    return Found("Reverie", values)


__all__ = [
    "Approximated",
    "ForeignRecipe",
    "NotPossible",
    "RecipeError",
    "Taken",
    "read_foreign",
    "read_text",
    "read_texts",
]
