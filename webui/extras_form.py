"""LoRA rows, VAE and refiner as values of the form: their first values, what they ask for, and filled from a recipe."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pipelines.lora_tags import LARGEST_WEIGHT, MOST_ROWS
from pipelines.refiner_rules import REFINER
from pipelines.request import TextToImageRequest, limits
from pipelines.tiny_vaes import TINY_VAE, tiny_vae

if TYPE_CHECKING:
    from pipelines.extras import ExtraFile

    from .studio import Studio

NOTHING: Final = ""
"""No LoRA, the automatic VAE, or no refiner."""

LONGEST_WAIT: Final = 1.0
"""Seconds that a page waits for files to be looked at that were never seen before."""

NAMES: Final = tuple(f"lora_{number}" for number in range(1, MOST_ROWS + 1))
WEIGHTS: Final = tuple(f"{name}_weight" for name in NAMES)
SWITCHES: Final = tuple(f"{name}_on" for name in NAMES)
EXTRAS: Final = ("vae", "refiner", "refiner_switch", *NAMES, *WEIGHTS, *SWITCHES)
"""The form's fields here, in a fixed order."""


def first_extras() -> dict[str, Any]:
    """What they show to somebody who has never been here."""
    return {
        "vae": NOTHING,
        "refiner": NOTHING,
        "refiner_switch": TextToImageRequest.model_fields["refiner_switch"].default,
        **dict.fromkeys(NAMES, NOTHING),
        **dict.fromkeys(WEIGHTS, 1.0),
        **dict.fromkeys(SWITCHES, True),
    }


def loras_of(studio: Studio) -> list[ExtraFile]:
    """The LoRAs that can be chosen; a back end elsewhere may have none, and thousands of new ones come later."""
    if not _listed(studio, "lora"):
        return []
    return [file for file in getattr(studio.manager, "loras", list)() if not file.problem]


def vaes_of(studio: Studio) -> list[ExtraFile]:
    """The VAE files that can be chosen."""
    if not _listed(studio, "vae"):
        return []
    return [file for file in getattr(studio.manager, "vaes", list)() if not file.problem]


def _listed(studio: Studio, what: str) -> bool:
    """Whether the files of a kind are known; those never seen before are not waited for, the next visit has them."""
    catalogue = getattr(studio.manager, "catalogue", None)
    return catalogue is None or catalogue.knows(what, LONGEST_WAIT)


def lora_choices(studio: Studio) -> list[tuple[str, str]]:
    """What a row's menu offers: label and value."""
    return [("None", NOTHING), *((_label(file), file.id) for file in loras_of(studio))]


def vae_choices(studio: Studio) -> list[tuple[str, str]]:
    """What the VAE menu offers; the small one where any model has it."""
    files = vaes_of(studio)
    small = any(tiny_vae(info, files) for info in studio.models.values())
    quick = [("Small and quick (TAESD)", TINY_VAE)] if small else []
    return [("Automatic", NOTHING), *quick, *((_label(file), file.id) for file in files)]


def refiner_choices(studio: Studio) -> list[tuple[str, str]]:
    """What the refiner menu offers."""
    found = [info for info in studio.models.values() if info.family == REFINER]
    return [("None", NOTHING), *((info.name, info.id) for info in found)]


def asked_extras(values: Mapping[str, Any]) -> dict[str, Any]:
    """The request fields that the rows and the menu mean; a row that is off, or of no LoRA, is none."""
    rows = zip(NAMES, WEIGHTS, SWITCHES, strict=True)
    refined = {name: _number(values[name]) for name in ("refiner", "refiner_switch") if values.get("refiner")}
    return refined | {
        "loras": [
            {"name": str(values[name]), "weight": _number(values.get(weight, 1.0))}
            for name, weight, switch in rows
            if values.get(name) and values.get(switch, True)
        ],
        "vae": str(values.get("vae") or "") or None,
    }


def filled_extras(studio: Studio, told: Mapping[str, Any]) -> dict[str, Any]:
    """The form's values for a recipe's LoRAs and VAE; rows it does not need are emptied.

    Args:
        studio: Whose files they name; what is not there is left out.
        told: Request fields.
    """
    values: dict[str, Any] = {}
    if "loras" in told:
        known = {file.id for file in loras_of(studio)}
        rows = [use for use in _rows(told["loras"]) if use[0] in known][:MOST_ROWS]
        values = first_extras()
        for other in ("vae", "refiner", "refiner_switch"):
            del values[other]
        for (name, weight), field, number in zip(rows, NAMES, WEIGHTS, strict=False):
            values |= {field: name, number: weight}
    if "vae" in told and str(told["vae"] or NOTHING) in {value for _, value in vae_choices(studio)}:
        values["vae"] = str(told["vae"] or NOTHING)
    if "refiner" in told and str(told["refiner"] or NOTHING) in {value for _, value in refiner_choices(studio)}:
        values["refiner"] = str(told["refiner"] or NOTHING)
        values |= {"refiner_switch": told["refiner_switch"]} if "refiner_switch" in told else {}
    return values


def usable_extra(studio: Studio, name: str, value: object) -> bool:
    """Whether a remembered value of one of the fields is still good."""
    if name in SWITCHES:
        return isinstance(value, bool)
    if name in WEIGHTS:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= LARGEST_WEIGHT
    if name == "refiner_switch":
        bounds = limits(TextToImageRequest, name)
        return isinstance(value, (int, float)) and bounds["minimum"] <= value <= bounds["maximum"]
    choices = {"vae": vae_choices, "refiner": refiner_choices}.get(name, lora_choices)(studio)
    return value in {one for _, one in choices}


def _rows(loras: object) -> Iterable[tuple[str, float]]:
    for row in loras if isinstance(loras, Sequence) and not isinstance(loras, str) else ():
        if isinstance(row, Mapping) and isinstance(row.get("name"), str):
            weight = row.get("weight", 1.0)
            if isinstance(weight, (int, float)) and math.isfinite(weight) and abs(weight) <= LARGEST_WEIGHT:
                yield row["name"], float(weight)


def _number(value: object) -> object:
    """A slider gives whole numbers as such; anything else is for the request to judge."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _label(file: ExtraFile) -> str:
    made_for = file.family.replace("stable-diffusion", "SD").replace("-", " ").upper() if file.family else ""
    return f"{file.id} · {made_for}" if made_for else file.id
