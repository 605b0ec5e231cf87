"""Everything else that A1111's text can say of a request, key by key; a field at its default is not spoken of.

Where A1111 or one of its scripts has a key, it is that key; the others have names of our own, which others pass over.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from pipelines.errors import InvalidRequest
from pipelines.request import SIZE_STEP
from pipelines.sampler_table import NATIVE
from pipelines.samplers import find_sampler

from .request_fields import default_of

if TYPE_CHECKING:
    from .recipe import Recipe

Kind = Literal["whole", "number", "switch", "text", "words"]


class Key(NamedTuple):
    """One field and its key.

    Attributes:
        field: The request's.
        key: A1111's.
        kind: What its value is.
        words: A1111's word for each value, where they are few.
    """

    field: str
    key: str
    kind: Kind
    words: Mapping[Any, str] = {}


KEYS: Final = (
    Key("variation_seed", "Variation seed", "whole"),
    Key("variation_strength", "Variation seed strength", "number"),
    Key("clip_skip", "Clip skip", "whole"),
    Key("noise_source", "RNG", "words", {"cpu": "CPU", "nv": "NV", "device": "GPU"}),
    Key("eta_noise_seed_delta", "ENSD", "whole"),
    Key("tiling", "Tiling", "switch"),
    Key("prompt_syntax", "Prompt syntax", "words", {name: name for name in ("weighted", "dream_studio", "plain")}),
    Key("guidance_rescale", "CFG rescale", "number"),
    Key("eta", "Eta", "number"),
    Key("s_churn", "Sigma churn", "number"),
    Key("s_tmin", "Sigma tmin", "number"),
    Key("s_tmax", "Sigma tmax", "number"),
    Key("s_noise", "Sigma noise", "number"),
    Key("sigma_min", "Schedule min sigma", "number"),
    Key("sigma_max", "Schedule max sigma", "number"),
    Key("rho", "Schedule rho", "number"),
    Key("freeu", "FreeU", "switch"),
    *(Key(f"freeu_{number}", f"FreeU {number}", "number") for number in ("b1", "b2", "s1", "s2")),
    Key("resize_mode", "Resize mode", "words", {
        "resize": "Just resize", "fill": "Resize and fill", "latent": "Just resize (latent upscale)",
    }),
    Key("exact_steps", "Exact steps", "switch"),
    Key("color_correction", "Color correction", "switch"),
    Key("invert_mask", "Mask mode", "words", {True: "Inpaint not masked"}),
    Key("masked_content", "Masked content", "words", {
        "fill": "fill", "latent_noise": "latent noise", "latent_nothing": "latent nothing",
    }),
    Key("padding_mask_crop", "Masked area padding", "whole"),
    Key("soft_inpainting", "Soft inpainting enabled", "switch"),
    Key("tile_scale", "SD upscale factor", "number"),
    Key("tile_size", "SD upscale tile", "whole"),
    Key("tile_overlap", "SD upscale overlap", "whole"),
    Key("tile_upscaler", "SD upscale upscaler", "text"),
)  # fmt: skip

ONLY_MASKED: Final = ("Inpaint area", "Only masked")

SAME_SAMPLER: Final = "Use same sampler"

SIZES: Final = {
    "Hires resize": ("hires_width", "hires_height"),
    "Seed resize from": ("seed_resize_width", "seed_resize_height"),
}

_NEEDS: Final = {
    "variation_seed": "variation_strength",
    **{f"freeu_{number}": "freeu" for number in ("b1", "b2", "s1", "s2")},
    "tile_size": "tile_scale",
    "tile_overlap": "tile_scale",
    "tile_upscaler": "tile_scale",
}
"""Fields that mean nothing until another is set."""


def write_more(request: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Gives the keys and values of what is not at its default, the values unquoted.

    Args:
        request: A recipe's fields.
    """
    for name, key, kind, words in KEYS:
        value = request.get(name)
        needed = _NEEDS.get(name)
        idle = needed is not None and request.get(needed) in (None, default_of(needed))
        if value is None or idle or (value == default_of(name) and needed is None):
            continue
        if kind == "words":
            if value in words:
                yield key, words[value]
        else:
            yield key, "True" if kind == "switch" else str(value) if kind == "text" else plain_number(value)
    if request.get("padding_mask_crop") is not None:
        yield ONLY_MASKED
    width, height = (request.get(name) for name in SIZES["Seed resize from"])
    if width and height:
        yield "Seed resize from", f"{width}x{height}"
    yield from _hires(request)


def first_size(recipe: Recipe) -> tuple[int, int]:
    """Width and height as A1111 tells them: of a picture made in two passes the first one's."""
    request: Mapping[str, Any] = recipe.request
    asked = request.get("width"), request.get("height")
    scale = request.get("hires_scale") or 1
    if scale == 1 and request.get("hires_width") is None:
        return recipe.width, recipe.height
    if asked[0] and asked[1]:
        return asked[0], asked[1]
    if request.get("hires_width") is not None:
        return recipe.width, recipe.height
    return round(recipe.width / scale / SIZE_STEP) * SIZE_STEP, round(recipe.height / scale / SIZE_STEP) * SIZE_STEP


def take_more(values: dict[str, str]) -> Iterator[tuple[str, Any]]:
    """Takes those keys out of what an infotext says, as request fields; what cannot be read stays.

    Args:
        values: Keys and values; those taken are removed.
    """
    whole_picture = values.get(ONLY_MASKED[0], ONLY_MASKED[1]) != ONLY_MASKED[1]
    if values.get(ONLY_MASKED[0]) in (ONLY_MASKED[1], "Whole picture"):
        del values[ONLY_MASKED[0]]
    for name, key, kind, words in KEYS:
        if key not in values:
            continue
        read = _read(values[key], kind, words)
        if read is None and values[key] == A1111_DEFAULTS.get(key):
            del values[key]
        elif read is not None:
            del values[key]
            if not (name == "padding_mask_crop" and whole_picture):
                yield name, read
    yield from _take_hires(values)
    for key, names in SIZES.items():
        size = re.fullmatch(r"(\d{1,6})x(\d{1,6})", values.get(key, ""))
        if size:
            del values[key]
            if (size[1], size[2]) != ("0", "0"):
                yield from zip(names, (int(size[1]), int(size[2])), strict=True)


A1111_DEFAULTS: Final = {"Mask mode": "Inpaint masked", "Masked content": "original", "Resize mode": "Crop and resize"}
"""What some programs write out although it is the default."""


def _hires(request: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    size, scale = (request.get("hires_width"), request.get("hires_height")), request.get("hires_scale", 1)
    if scale in (None, 1) and not all(size):
        return
    yield "Denoising strength", plain_number(request.get("hires_strength", default_of("hires_strength")))
    yield ("Hires resize", f"{size[0]}x{size[1]}") if all(size) else ("Hires upscale", plain_number(scale))
    if request.get("hires_steps"):
        yield "Hires steps", str(request["hires_steps"])
    yield "Hires upscaler", str(request.get("hires_upscaler", default_of("hires_upscaler")))
    if request.get("hires_scheduler"):
        with suppress(InvalidRequest):
            choice = find_sampler(str(request["hires_scheduler"]))
            yield "Hires sampler", choice.sampler.name
            if choice.schedule != NATIVE:
                yield "Hires schedule type", choice.schedule


def _take_hires(values: dict[str, str]) -> Iterator[tuple[str, Any]]:
    if not {"Hires upscale", "Hires resize", "Hires upscaler"} & values.keys():
        return
    for key, name, kind in (
        ("Hires upscale", "hires_scale", "number"),
        ("Hires steps", "hires_steps", "whole"),
        ("Hires upscaler", "hires_upscaler", "text"),
        ("Denoising strength", "hires_strength", "number"),
    ):
        read = _read(values[key], kind, {}) if key in values else None
        if read is not None:
            del values[key]
            yield name, read
    sampler, schedule = values.get("Hires sampler", ""), values.get("Hires schedule type", "")
    if sampler and sampler != SAME_SAMPLER:
        with suppress(InvalidRequest):
            yield "hires_scheduler", find_sampler(f"{sampler} {schedule}".strip()).name
            values.pop("Hires schedule type", None)
            del values["Hires sampler"]
    elif sampler:
        values.pop("Hires schedule type", None)
        del values["Hires sampler"]


def _read(text: str, kind: str, words: Mapping[Any, str]) -> Any:
    if kind == "words":
        return next((value for value, word in words.items() if word.lower() == text.lower()), None)
    if kind == "switch":
        return {"true": True, "false": False}.get(text.lower())
    if kind == "text":
        return text[:1000]
    with suppress(ValueError):
        number = float(text[:40])
        if kind == "whole" and number.is_integer() and abs(number) < 2**53:
            return int(number)
        if kind == "number" and math.isfinite(number):
            return number
    return None


def plain_number(value: object) -> str:
    """A number as people write it: 2 rather than 2.0."""
    return repr(value).removesuffix(".0")
