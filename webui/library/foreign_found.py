"""What a reader found in somebody's picture, before it is decided what of it can be used."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

LARGEST_JSON: Final = 2 << 20
"""Characters of JSON that are parsed; as objects they take some twenty times as much."""


class NotThis(Exception):
    """The texts are not what this reader reads."""


@dataclass(slots=True)
class Found:
    """Values by diffusers' names, as they stood there.

    Attributes:
        writer: The program that wrote them.
        values: ``prompt``, ``negative_prompt``, ``num_inference_steps``, ``guidance_scale``, ``sampler``,
            ``schedule``, ``seed``, ``width``, ``height``, ``strength``, ``mask_blur``, ``model_name``, ``model_hash``.
        others: Everything else by the writer's own name.
    """

    writer: str
    values: dict[str, Any] = field(default_factory=dict)
    others: dict[str, Any] = field(default_factory=dict)


def json_object(text: object) -> dict[str, Any]:
    """Parses a JSON object.

    Raises:
        NotThis: It is none, or too large or too deep to be parsed.
    """
    if not isinstance(text, str) or len(text) > LARGEST_JSON or not text.lstrip().startswith("{"):
        raise NotThis
    try:
        found = json.loads(text)
    except (ValueError, RecursionError, MemoryError):
        raise NotThis from None
    if not isinstance(found, dict):
        raise NotThis
    return found


def renamed(found: Mapping[str, Any], names: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Splits a mapping into the values whose names are known, by ours, and the others by their own."""
    known = {names[name]: value for name, value in found.items() if name in names and value is not None}
    return known, {name: value for name, value in found.items() if name not in names}
