"""Somebody else's LoRAs, VAE and refiner: which of them are here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from pipelines.errors import InvalidRequest
from pipelines.lora_tags import LARGEST_WEIGHT, MOST_ROWS, read_tags
from pipelines.tiny_vaes import TINY_VAE

LONGEST: Final = 100
MOST_TAGS: Final = 20
ABSENT: Final = "it is not installed"
_TAG: Final = re.compile(r"<\s*(lora|lyco|hypernet)\s*:\s*([^:<>]{1,100})[^<>]*(?:>|$)", re.IGNORECASE)
_ENDING: Final = re.compile(r"\.(safetensors|ckpt|pt|bin)$", re.IGNORECASE)


class Named(Protocol):
    """A file as ``PipelineManager.loras()`` and ``vaes()`` list it, or a model."""

    @property
    def id(self) -> str:
        """What a request names it by."""
        ...

    @property
    def name(self) -> str:
        """Its file's name, or the name for people."""
        ...


@dataclass(frozen=True, slots=True)
class Installed:
    """What there is besides models."""

    loras: Sequence[Named] = ()
    vaes: Sequence[Named] = ()
    upscalers: Sequence[Named] = ()


def installed_of(manager: object) -> Installed:
    """What a back end has; one elsewhere may have none."""
    return Installed(*(tuple(getattr(manager, what, tuple)()) for what in ("loras", "vaes", "upscalers")))


def find(name: str, there: Sequence[Named]) -> str | None:
    """The id of what a name means, with or without folder and ending; None where nothing does."""
    plain = _ENDING.sub("", name.replace("\\", "/").strip()).lower()
    last = plain.rsplit("/", 1)[-1]
    for wanted in (plain, last):
        for one in there:
            if wanted and wanted in (one.id.lower(), one.name.lower(), one.id.lower().rsplit("/", 1)[-1]):
                return one.id
    return None


def missing_tags(text: str, loras: Sequence[Named]) -> Iterator[tuple[str, str]]:
    """The tags of a prompt that cannot be had, each with why."""
    told = dict.fromkeys((tag[1].lower(), tag[2].strip(), _why_not(tag, loras)) for tag in _TAG.finditer(text))
    for kind, name, why in list(told)[:MOST_TAGS]:
        if why:
            yield f"{kind} {name}", why


def without_missing(text: str, loras: Sequence[Named]) -> str:
    """The prompt without the tags that cannot be had, so that it can be painted."""
    return _TAG.sub(lambda tag: "" if _why_not(tag, loras) else tag[0], text)


def _why_not(tag: re.Match[str], loras: Sequence[Named]) -> str:
    if tag[1].lower() == "hypernet":
        return "hypernetworks are not loaded"
    if find(tag[2], loras) is None:
        return ABSENT
    try:
        read_tags(tag[0])
    except InvalidRequest:
        return "its weight goes from -2 to 2 here"
    return ""


def rows_of(told: object, loras: Sequence[Named]) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of LoRAs that can be had, and the names of those that cannot."""
    found: list[dict[str, Any]] = []
    missing = []
    for row in told[:MOST_ROWS] if isinstance(told, list) else ():
        name, weight = (row.get("name"), row.get("weight", 1.0)) if isinstance(row, Mapping) else (None, None)
        if isinstance(name, str) and type(weight) in (int, float) and abs(float(str(weight))) <= LARGEST_WEIGHT:
            known = find(name, loras)
            if known is None:
                missing.append(name[:LONGEST])
            else:
                found.append({"name": known, "weight": weight})
    return found, missing


def vae_of(told: object, vaes: Sequence[Named]) -> tuple[str | None, bool]:
    """The VAE that is meant, None = the automatic one; and whether it can be had."""
    name = str(told or "")[:200]
    if name.strip().lower() in ("", "none", "automatic"):
        return None, True
    known = TINY_VAE if name.strip().lower() == TINY_VAE else find(name, vaes)
    return known, known is not None


def refiner_of(told: object, models: Sequence[Named]) -> str | None:
    """The refiner's id; A1111 writes its hash in brackets behind the name."""
    return find(re.sub(r"\s*\[[0-9a-f]{8,64}\]$", "", str(told or "")[:200]), models)
