"""The finer settings as values of the form: what they show first, what they ask for, and filled from a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from pipelines.errors import InvalidRequest
from pipelines.samplers import find_sampler, sampler_choices
from pipelines.upscaling.names import LATENT, RESAMPLING

from .controls import whole
from .library.foreign_more import usable
from .library.infotext_more import plain_number
from .library.request_fields import default_of
from .plain_fields import BY_NAME, PLAIN, PlainField, fields_of
from .typed_seed import seed_of

if TYPE_CHECKING:
    from .studio import Studio

NOTHING: Final = ""
"""The same sampler as the first pass's, or a number that is left to the program."""

LONGEST_NUMBER: Final = 40

TYPED: Final = ("number", "seed")
"""Controls in which something is typed, or nothing."""

PLAIN_NAMES: Final = tuple(field.name for field in PLAIN)


def first_plain() -> dict[str, Any]:
    """What they show to somebody who has never been here."""
    return {name: _shown(name, default_of(name)) for name in PLAIN_NAMES}


def asked_plain(values: Mapping[str, Any], task: str) -> dict[str, Any]:
    """The request fields that the controls of a task mean.

    Args:
        values: The form's values by name; a field that is missing is at its default.
        task: The request's.
    """
    asked = {}
    for field in fields_of(task):
        if field.name in values:
            value = values[field.name]
            empty = value is None or (isinstance(value, str) and not value.strip())
            asked[field.name] = default_of(field.name) if empty else _asked(field, value)
    return asked


def filled_plain(studio: Studio, told: Mapping[str, Any]) -> dict[str, Any]:
    """The form's values for what a recipe tells of them; those it does not tell are put to their defaults.

    Args:
        studio: Whose upscalers they name.
        told: Request fields.
    """
    values = first_plain()
    for name in PLAIN_NAMES:
        if name in told and usable(name, told[name]):
            value = _shown(name, told[name])
            if usable_plain(studio, name, value):
                values[name] = value
    return values


def usable_plain(studio: Studio, name: str, value: object) -> bool:
    """Whether a remembered value of one of the controls is still good."""
    field = BY_NAME[name]
    if field.control in ("menu", "sampler", "upscaler"):
        return value in {one for _, one in choices(studio, field)}
    if field.control in TYPED and value == NOTHING:
        return True
    if field.control not in TYPED and isinstance(value, str):
        return False
    return usable(name, _asked(field, value))


def choices(studio: Studio, field: PlainField) -> list[tuple[str, str]]:
    """What a menu offers: label and value."""
    if field.control == "sampler":
        return [("Same as the first pass", NOTHING), *sampler_choices()]
    if field.control == "upscaler":
        names = [*RESAMPLING, *(LATENT if field.section == "hires" else ())]
        files = [file for file in getattr(studio.manager, "upscalers", list)() if not file.problem]
        return [*((name, name) for name in names), *((file.id, file.id) for file in files)]
    return [(label, value) for value, label in field.words.items()]


def plain_words(name: str, value: object) -> str:
    """A setting's value for people; any other field's as it is."""
    field = BY_NAME.get(name)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if field is not None and field.words:
        return field.words.get(str(value), str(value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _shown(name: str, value: Any) -> Any:
    """How a field's value stands in its control."""
    field = BY_NAME[name]
    if field.control == "sampler":
        return find_sampler(str(value)).sampler.name if value else NOTHING
    if field.control not in TYPED:
        return value
    random = field.control == "seed" and value == -1
    return NOTHING if value is None or random else plain_number(value)


def _asked(field: PlainField, value: Any) -> Any:
    """A control's value as the request takes it; what is no number stays as it was typed, for the request to refuse."""
    if field.control == "seed" and isinstance(value, str):
        with suppress(InvalidRequest):
            return seed_of(value)
    if field.control in TYPED and isinstance(value, str):
        with suppress(ValueError):
            return whole(float(value[:LONGEST_NUMBER].strip().replace(",", ".")))
    return whole(value) if isinstance(value, float) else value
