"""``<lora:name:0.8>`` in prompts: what the tags ask for, and the prompt without them.

The grammar is A1111's: ``<lora:name>`` is weight 1, ``<lora:name:0.8>`` that weight for both kinds of networks,
``<lora:name:0.5:0.8>`` one for the text encoders and one for the U-Net or transformer, which may also be said by name
(``te=0.5``, ``unet=0.8``); ``lyco`` means the same. Spaces may stand anywhere. Tags count in the prompt; a negative
prompt is text throughout, as it is there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .errors import InvalidRequest

LARGEST_WEIGHT: Final = 2.0
MOST_ROWS: Final = 5
MOST_TAGS: Final = 16
LONGEST_NAME: Final = 200

_TAG: Final = re.compile(r"<\s*(?:lora|lyco)\s*:([^<>]*)>", re.IGNORECASE)
_OPENED: Final = re.compile(r"<\s*(?:lora|lyco)\s*:[^<>]*", re.IGNORECASE)
_PARTS: Final = {"te": "text_encoder", "unet": "denoiser"}


class LoraUse(BaseModel):
    """One LoRA of a request.

    Attributes:
        name: Its id, file name without ending, or unique name.
        weight: How much of it, -2 … 2; 0 leaves it out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
    weight: Annotated[float, Field(ge=-LARGEST_WEIGHT, le=LARGEST_WEIGHT, allow_inf_nan=False, strict=True)] = 1.0

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            at_fault = error.errors(include_url=False)[0]["loc"]
            reason = "whose weight is no number from -2 to 2" if at_fault == ("weight",) else "which is no name"
            shown = _short(repr(values))
            raise InvalidRequest("loras", f"loras has {shown}, {reason}; write it as 'name:0.8'.") from None


class LoraWeights(NamedTuple):
    """How much of one LoRA each kind of networks gets."""

    name: str
    denoiser: float
    text_encoder: float


def read_tags(prompt: str) -> tuple[str, tuple[LoraWeights, ...]]:
    """Takes the tags out of a prompt.

    Returns:
        The prompt as the networks shall read it, and what each tag asks for, in order.

    Raises:
        InvalidRequest: A tag has no name, no end, a weight that is no number from -2 to 2, or there are more than 16.
    """
    tags = tuple(_read(found[0], found[1]) for found in _TAG.finditer(prompt))
    if len(tags) > MOST_TAGS:
        raise InvalidRequest("prompt", f"prompt has {len(tags)} <lora:…> tags; give at most {MOST_TAGS}.")
    text = _TAG.sub("", prompt)
    opened = _OPENED.search(text)
    if opened:
        shown = _short(opened[0])
        raise InvalidRequest("prompt", f"prompt has {shown!r} without its end; write it as <lora:name:0.8>.")
    return text, tags


def merge_uses(rows: Iterable[LoraUse], tags: Iterable[LoraWeights]) -> tuple[LoraWeights, ...]:
    """Rows and tags as one list, in the order of first mention; weights of one LoRA named twice add up."""
    merged: dict[str, LoraWeights] = {}
    for use in (*(LoraWeights(row.name, row.weight, row.weight) for row in rows), *tags):
        before = merged.get(use.name, LoraWeights(use.name, 0.0, 0.0))
        merged[use.name] = LoraWeights(use.name, before.denoiser + use.denoiser, before.text_encoder + use.text_encoder)
    return tuple(merged.values())


def parse_use(text: str) -> LoraUse:
    """Reads ``name`` or ``name:0.8``, as a command line says it.

    Raises:
        InvalidRequest: It has no name, or a weight that is no number from -2 to 2.
    """
    name, _colon, weight = text.strip().rpartition(":") if _is_number(text.rpartition(":")[2]) else (text, "", "1")
    return LoraUse(name=_name(name, text, "loras"), weight=_weight(weight, text, "loras"))


@dataclass(slots=True)
class _Reading:
    """The weights of one tag while they are being read."""

    text_encoder: float | None = None
    denoiser: float | None = None


def _read(tag: str, inside: str) -> LoraWeights:
    name, *values = (part.strip() for part in inside.split(":"))
    reading, places = _Reading(), ["text_encoder", "denoiser"]
    for value in values:
        key, equals, said = value.partition("=")
        part = _PARTS.get(key.strip().lower()) if equals else next(iter(places), None)
        if part is None:
            raise InvalidRequest(
                "prompt", f"prompt has {_short(tag)!r}; a tag takes a name and one or two weights, <lora:name:0.8>."
            )
        if not equals:
            places.remove(part)
        setattr(reading, part, _weight(said if equals else value, tag, "prompt"))
    text_encoder = 1.0 if reading.text_encoder is None else reading.text_encoder
    denoiser = text_encoder if reading.denoiser is None else reading.denoiser
    return LoraWeights(_name(name, tag, "prompt"), denoiser, text_encoder)


def _name(name: str, whole: str, parameter: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidRequest(
            parameter, f"{parameter} has {_short(whole)!r}, which names no LoRA; write it as <lora:name:0.8>."
        )
    return name


def _weight(value: str, whole: str, parameter: str) -> float:
    if _is_number(value) and abs(float(value)) <= LARGEST_WEIGHT:
        return float(value)
    raise InvalidRequest(
        parameter, f"{parameter} has {_short(whole)!r}, whose weight {_short(value)!r} is no number from -2 to 2."
    )


def _is_number(text: str) -> bool:
    try:
        return len(text) <= 40 and "_" not in text and math.isfinite(float(text))
    except ValueError:
        return False


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:60] + "…"
