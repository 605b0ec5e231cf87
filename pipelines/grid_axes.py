"""What a grid can vary: every number, switch and choice of a request, and the words of its prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal, get_args

from .errors import InvalidRequest
from .grid_values import plain, read_numbers, read_orders, read_replacements, read_texts
from .request import GenerationRequest
from .samplers import find_sampler

Reading = Literal["whole", "number", "switch", "choice", "name", "size", "replace", "order"]

Names = Mapping[str, Sequence[tuple[str, str]]]
"""What an axis can name, by its id: values and labels. An axis without any takes names as they are."""

LABELS: Final = {
    "seed": "Seed",
    "variation_seed": "Var. seed",
    "variation_strength": "Var. strength",
    "num_inference_steps": "Steps",
    "hires_steps": "Hires steps",
    "guidance_scale": "CFG Scale",
    "prompt_sr": "Prompt S/R",
    "prompt_order": "Prompt order",
    "scheduler": "Sampler",
    "schedule": "Schedule type",
    "hires_scheduler": "Hires sampler",
    "model": "Checkpoint name",
    "style": "Styles",
    "strength": "Denoising",
    "hires_strength": "Hires denoising",
    "hires_scale": "Hires scale",
    "hires_upscaler": "Hires upscaler",
    "size": "Size",
    "width": "Width",
    "height": "Height",
    "vae": "VAE",
    "refiner": "Refiner checkpoint",
    "refiner_switch": "Refiner switch at",
    "clip_skip": "Clip skip",
    "eta": "Eta",
    "s_churn": "Sigma Churn",
    "s_tmin": "Sigma min",
    "s_tmax": "Sigma max",
    "s_noise": "Sigma noise",
    "sigma_min": "Schedule min sigma",
    "sigma_max": "Schedule max sigma",
    "rho": "Schedule rho",
    "noise_source": "RNG source",
    "tile_upscaler": "Tile upscaler",
    "mask_blur": "Mask blur",
}
"""A1111's names where it has the axis; in the order of the menu. Other fields are called by their own name."""

_WORDS: Final[Mapping[str, Reading]] = {"prompt_sr": "replace", "prompt_order": "order", "size": "size"}
_NAMES: Final = (
    *("scheduler", "schedule", "hires_scheduler", "model", "style", "hires_upscaler", "tile_upscaler"),
    *("vae", "refiner"),
)
_LEFT_OUT: Final = ("num_images_per_prompt", "deterministic")

SLOW: Final = ("model", "vae", "refiner")
"""Axes whose value is changed as seldom as can be, since something must be loaded for it."""


@dataclass(frozen=True, slots=True)
class AxisKind:
    """One thing to vary.

    Attributes:
        id: A request field, or ``schedule``, ``style``, ``size``, ``prompt_sr``, ``prompt_order``.
        label: A1111's name of it.
        reading: How its values are written.
    """

    id: str
    label: str
    reading: Reading


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis with its values.

    Attributes:
        kind: What it varies.
        values: Each as :func:`apply_value` takes it.
        labels: Each as it stands at the grid's edge.
        text: As it was written.
    """

    kind: AxisKind
    values: tuple[Any, ...]
    labels: tuple[str, ...]
    text: str


def axis_kinds(request: type[GenerationRequest]) -> tuple[AxisKind, ...]:
    """What can be varied of a task's requests, in the order of the menu."""
    found = {name: kind for name in request.model_fields if name not in _LEFT_OUT and (kind := _reading(request, name))}
    found |= {name: "name" for name in _NAMES if name in request.model_fields or name in ("schedule", "style")}
    found |= _WORDS
    order = [*(name for name in LABELS if name in found), *(name for name in found if name not in LABELS)]
    return tuple(AxisKind(name, label_of(name), found[name]) for name in order)


def label_of(name: str) -> str:
    """An axis' name for people."""
    return LABELS.get(name) or name.replace("_", " ").capitalize()


def find_kind(request: type[GenerationRequest], name: str) -> AxisKind:
    """Finds what to vary by its id or its label, in any case.

    Raises:
        InvalidRequest: There is no such thing; the sentence names what there is.
    """
    wanted = " ".join(name.replace("_", " ").split()).casefold()
    for kind in axis_kinds(request):
        if wanted in (kind.label.casefold(), kind.id.replace("_", " ").casefold()):
            return kind
    known = ", ".join(kind.label for kind in axis_kinds(request))
    raise InvalidRequest("grid", f"A grid cannot vary {name[:40]!r}; choose one of {known}.")


def read_axis(kind: AxisKind, text: str, names: Names, request: type[GenerationRequest]) -> Axis:
    """Reads the values of an axis.

    Args:
        kind: What it varies.
        text: As people write it; for names an empty text means all there are.
        names: What can be named.
        request: The task's.

    Raises:
        ValueError: Something in it cannot be used; the sentence goes on after the axis' name.
    """
    if kind.reading in ("whole", "number"):
        numbers = read_numbers(text, whole=kind.reading == "whole")
        return Axis(kind, tuple(numbers), tuple(plain(number) for number in numbers), text)
    if kind.reading == "replace":
        words = read_replacements(text)
        return Axis(kind, tuple((words[0], word) for word in words), tuple(words), text)
    if kind.reading == "order":
        orders = read_orders(text)
        return Axis(kind, tuple(orders), tuple(", ".join(order) for order in orders), text)
    if kind.reading == "size":
        sizes = [_size(part) for part in read_texts(text)]
        return Axis(kind, tuple(sizes), tuple(f"{width} × {height}" for width, height in sizes), text)
    if kind.reading == "switch":
        switches = [_switch(part) for part in read_texts(text)]
        return Axis(kind, tuple(switches), tuple("on" if one else "off" for one in switches), text)
    known = list(names.get(kind.id, ()))
    if kind.reading == "choice":
        known = [(value, value.replace("_", " ")) for value in get_args(request.model_fields[kind.id].annotation)]
    if not text.strip() and known:
        text = ", ".join(f'"{label}"' if "," in label else label for _, label in known)
    anything = kind.id in ("scheduler", "hires_scheduler")  # these have more names than a menu shows
    chosen = [_named(part, () if anything else known) for part in read_texts(text)]
    return Axis(kind, tuple(value for value, _ in chosen), tuple(label for _, label in chosen), text)


def apply_value(kind: AxisKind, value: Any, fields: dict[str, Any]) -> None:
    """Puts one value of an axis into a cell's fields.

    Args:
        kind: The axis'.
        value: One of its values.
        fields: Request fields, ``style`` among them; changed.

    Raises:
        ValueError: It cannot be; the sentence goes on after the axis' name.
    """
    if kind.id == "schedule":
        sampler = find_sampler(str(fields["scheduler"])).sampler.name
        automatic = str(value).strip().lower() in ("automatic", "")
        fields["scheduler"] = find_sampler(sampler if automatic else f"{sampler} {value}").name
    elif kind.id == "scheduler":
        fields["scheduler"] = find_sampler(str(value)).name
    elif kind.id == "size":
        fields["width"], fields["height"] = value
    elif kind.id == "prompt_sr":
        searched, word = value
        texts = [str(fields[name]) for name in ("prompt", "negative_prompt")]
        if not any(searched in text for text in texts):
            raise ValueError(f"looks for {searched[:60]!r}, which is in neither prompt; write it as it stands there.")
        fields["prompt"], fields["negative_prompt"] = (text.replace(searched, word) for text in texts)
    elif kind.id == "prompt_order":
        fields["prompt"] = _reordered(str(fields["prompt"]), value)
    else:
        fields[kind.id] = value


def _reading(request: type[GenerationRequest], name: str) -> Reading | None:
    annotation = request.model_fields[name].annotation
    if annotation is bool:
        return "switch"
    if getattr(annotation, "__origin__", None) is Literal:
        return "choice"
    told = str(annotation)
    if "str" in told or "Lora" in told or "Image" in told:
        return None
    return "whole" if "int" in told else "number" if "float" in told else None


def _size(part: str) -> tuple[int, int]:
    width, _, height = part.lower().replace("×", "x").partition("x")
    if not (width.strip().isdigit() and height.strip().isdigit() and len(part) < 20):
        raise ValueError(f"has {part[:40]!r}, which is no size; write one as 512x768.")
    return int(width), int(height)


def _switch(part: str) -> bool:
    if part.lower() not in ("on", "off", "true", "false", "yes", "no", "1", "0"):
        raise ValueError(f"has {part[:40]!r}; write on or off.")
    return part.lower() in ("on", "true", "yes", "1")


def _named(part: str, known: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """A value and its label: by either of them, in any case, or by what only one of them begins with."""
    if not known:
        return part, part
    wanted = part.casefold()
    exact = [one for one in known if wanted in (one[0].casefold(), one[1].casefold())]
    close = [one for one in known if any(text.casefold().startswith(wanted) for text in one)]
    if exact or len(close) == 1:
        return (exact or close)[0]
    labels = ", ".join(label for _, label in known[:12]) + (" …" if len(known) > 12 else "")
    raise ValueError(f"has {part[:60]!r}, which is not there; there is {labels}.")


def _reordered(prompt: str, order: Sequence[str]) -> str:
    """Puts the words into the places where they stand, in another order."""
    places = []
    for word in order:
        place = prompt.find(word)
        if place < 0:
            raise ValueError(f"has {word[:60]!r}, which is not in the prompt; write it as it stands there.")
        places.append((place, word))
    there = sorted(places)
    if any(place + len(word) > after for (place, word), (after, _) in pairwise(there)):
        raise ValueError("has words that overlap in the prompt; give words that stand apart.")
    made, end = "", 0
    for (place, word), other in zip(there, order, strict=True):
        made, end = made + prompt[end:place] + other, place + len(word)
    return made + prompt[end:]
