"""A1111's ``parameters`` text, which other programs read: written from a recipe, and read as request fields.

The layout is the prompt, ``Negative prompt: …`` where there is one, and a last line of ``Key: value`` pairs.
It cannot hold every prompt (one with a line that begins ``Negative prompt:`` reads as two), so where it would
not read back equal the last line gets ``Exact prompt`` and ``Exact negative prompt``, which others pass over.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from pipelines.errors import InvalidRequest
from pipelines.sampler_table import NATIVE
from pipelines.samplers import find_sampler

from .infotext_more import first_size, plain_number, take_more, write_more
from .recipe import Recipe, RecipeError

LONGEST_TEXT: Final = 1 << 19
"""Characters read; two prompts of the greatest length fit, written twice and with every character escaped."""

TEMPLATE: Final = "Template"
"""The prompt before chance decided, as A1111's dynamic prompts extension calls it."""

NEGATIVE: Final = "Negative prompt:"

LONGEST_KEY: Final = 64

# As A1111 has them, but for the bounds and the atomic group (?=(…))\1: without them a long word costs quadratic time.
_KEY: Final = re.compile(r"(?=(\w[\w \-/]{1,63}))\1:")
_QUOTED: Final = re.compile(r'\s{0,64}("[^"\\]*(?:\\.[^"\\]*)*")(?=\s{0,64}(?:,|$))')
_WHOLE: Final = re.compile(r"-?\d{1,18}")
_SIZE: Final = re.compile(r"(\d{1,6})x(\d{1,6})")

_NUMBERS: Final = {
    "Steps": "num_inference_steps",
    "CFG scale": "guidance_scale",
    "Seed": "seed",
    "Denoising strength": "strength",
    "Mask blur": "mask_blur",
    "Refiner switch at": "refiner_switch",
}
_WHOLE_FIELDS: Final = ("num_inference_steps", "seed", "mask_blur")
_TEXTS: Final = {
    "Model": "model_name",
    "Model hash": "model_hash",
    "VAE": "vae",
    "VAE hash": "vae_hash",
    "Refiner": "refiner",
    "Version": "version",
}


def write_infotext(recipe: Recipe) -> str:
    """Writes a recipe in A1111's layout, with A1111's keys in A1111's order."""
    request = recipe.request
    words = {**request, **recipe.drawn}
    prompt, negative = str(words.get("prompt", "")) + _tags(request), str(words.get("negative_prompt", ""))
    prompts = {"prompt": prompt, "negative prompt": negative}
    values = dict(_values(recipe))
    text = _layout(prompt, negative, values)
    read = read_infotext(text)
    if (read["prompt"], read["negative_prompt"]) != (prompt, negative):
        version = values.pop("Version")
        exact = {f"Exact {name}": json.dumps(value, ensure_ascii=False) for name, value in prompts.items()}
        text = _layout(prompt, negative, {**values, **exact, "Version": version})
    return text


def read_infotext(text: str) -> dict[str, Any]:
    """Reads a ``parameters`` text by A1111's rules, in time linear in its length.

    Returns:
        The request fields it tells: ``prompt`` and ``negative_prompt`` always; ``num_inference_steps``,
        ``scheduler``, ``guidance_scale``, ``seed``, ``width``, ``height``, ``strength``, ``mask_blur``, ``vae``,
        ``refiner``, ``refiner_switch`` and those of :mod:`.infotext_more` where it has them; LoRAs stay in the prompt,
        as tags. Beside them
        ``model_name``, ``model_hash``, ``vae_hash`` and ``version`` where it has them, and
        ``unknown``: every other key with its text, and those whose value cannot be used. Numbers are numbers,
        but no limit is checked: the request does that.

    Raises:
        RecipeError: The text is too long to be a recipe.
    """
    if len(text) > LONGEST_TEXT:
        raise RecipeError(f"The recipe text has {len(text)} characters; at most {LONGEST_TEXT} can be read.")
    lines = text.strip().split("\n")
    values = dict(_pairs(lines[-1]))
    if len(values) < 3:
        values = {}
    else:
        lines.pop()
    prompt, negative = _prompts(lines)
    read: dict[str, Any] = {
        "prompt": values.pop("Exact prompt", prompt),
        "negative_prompt": values.pop("Exact negative prompt", negative),
    }
    read.update(take_more(values))
    read.update(_take_numbers(values))
    read.update(_take_scheduler(values))
    for key, name in _TEXTS.items():
        if key in values:
            read[name] = values.pop(key)
    read["unknown"] = values
    return read


def _values(recipe: Recipe) -> Iterator[tuple[str, str]]:
    request, model = recipe.request, recipe.model
    yield "Steps", _number(request.get("num_inference_steps"))
    yield from _sampler(str(request.get("scheduler")))
    yield "CFG scale", _number(request.get("guidance_scale"))
    yield "Seed", str(recipe.seed)
    yield "Size", "{}x{}".format(*first_size(recipe))
    if model is not None:
        if model.hash:
            yield "Model hash", _quote(model.hash[:10])
        yield "Model", _quote(model.name)
    yield from _vae(recipe)
    if "strength" in request:
        yield "Denoising strength", _number(request["strength"])
    if "mask_blur" in request:
        yield "Mask blur", _number(request["mask_blur"])
    yield from ((key, _quote(value)) for key, value in write_more(request))
    loras = {name.removeprefix("lora:"): value for name, value in recipe.files.items() if name.startswith("lora:")}
    if loras:
        yield "Lora hashes", json.dumps(", ".join(f"{name}: {value}" for name, value in loras.items()))
    if request.get("refiner"):
        yield "Refiner", _quote(str(request["refiner"]))
        yield "Refiner switch at", _number(request.get("refiner_switch"))
    yield from ((key, _quote(value)) for key, value in recipe.notes.items())
    if recipe.drawn:
        yield TEMPLATE, json.dumps(str(request.get("prompt", "")), ensure_ascii=False)
    yield "Version", _quote(f"Reverie {recipe.versions.get('reverie', 'unknown')}")


def _tags(request: Mapping[str, Any]) -> str:
    """The rows of LoRAs as tags after the prompt, where A1111 has them all."""
    loras = request.get("loras")
    rows = [row for row in loras if isinstance(row, dict)] if isinstance(loras, list) else []
    weights = ((str(row.get("name")), plain_number(row.get("weight", 1))) for row in rows)
    return "".join(f" <lora:{name}:{weight}>" for name, weight in weights if not set("<>:") & set(name))


def _vae(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """The VAE that took part, where it was not the model's own."""
    for name, value in recipe.files.items():
        if name.startswith("vae:"):
            if value:
                yield "VAE hash", _quote(value)
            yield "VAE", _quote(name.removeprefix("vae:"))
            return
    if recipe.request.get("vae"):
        yield "VAE", _quote(str(recipe.request["vae"]))


def sampler_and_schedule(name: str) -> tuple[str, str]:
    """A1111's name of a sampler, and of its schedule, which is empty where none was asked for."""
    try:
        choice = find_sampler(name)
    except InvalidRequest:  # a recipe from a version that knew another sampler
        return name, ""
    return choice.sampler.name, "" if choice.schedule == NATIVE else choice.schedule


def _sampler(name: str) -> Iterator[tuple[str, str]]:
    sampler, schedule = sampler_and_schedule(name)
    yield "Sampler", _quote(sampler)
    if schedule:
        yield "Schedule type", schedule


def _layout(prompt: str, negative: str, values: dict[str, str]) -> str:
    last = ", ".join(f"{key}: {value}" for key, value in values.items())
    return "\n".join([prompt, *([f"{NEGATIVE} {negative}"] if negative else []), last])


def _prompts(lines: list[str]) -> tuple[str, str]:
    """Everything before the first line that begins ``Negative prompt:``, and everything from it on."""
    for number, line in enumerate(lines):
        if line.lstrip().startswith(NEGATIVE):
            first = line.lstrip()[len(NEGATIVE) :].removeprefix(" ")
            return "\n".join(lines[:number]), "\n".join([first, *lines[number + 1 :]])
    return "\n".join(lines), ""


def _pairs(line: str) -> Iterator[tuple[str, str]]:
    """``Key: value`` pairs, separated by commas; a value in quotes is a JSON string."""
    place = 0
    while place < len(line):
        key = _next_key(line, place)
        if key is not None:
            place = key.end()
            quoted = _QUOTED.match(line, place)
            end = quoted.end() if quoted else _after_comma(line, place) - 1
            yield key[1], _unquote(quoted[1]) if quoted else line[place:end].strip()
            place = end
        place = _after_comma(line, place)


def _next_key(line: str, place: int) -> re.Match[str] | None:
    """The first key between a place and the next comma."""
    end = _after_comma(line, place) - 1
    colon = line.find(":", place, end)
    while colon >= 0:
        key = _KEY.search(line, max(place, colon - LONGEST_KEY), colon + 1)
        if key is not None:
            return key
        place = colon + 1
        colon = line.find(":", place, end)
    return None


def _after_comma(line: str, place: int) -> int:
    comma = line.find(",", place)
    return (comma if comma >= 0 else len(line)) + 1


def _take_numbers(values: dict[str, str]) -> Iterator[tuple[str, int | float]]:
    for key, name in _NUMBERS.items():
        number = _parse(values.get(key, ""), whole=name in _WHOLE_FIELDS)
        if number is not None:
            del values[key]
            yield name, number
    size = _SIZE.fullmatch(values.get("Size", ""))
    if size:
        del values["Size"]
        yield "width", int(size[1])
        yield "height", int(size[2])


def _take_scheduler(values: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Joins ``Sampler`` and ``Schedule type`` to one name, as far as they can be had here."""
    whole = f"{values.get('Sampler', '')} {values.get('Schedule type', '')}"
    for name, taken in ((whole, ("Sampler", "Schedule type")), (values.get("Sampler", ""), ("Sampler",))):
        with suppress(InvalidRequest):
            choice = find_sampler(name)
            for key in taken:
                values.pop(key, None)
            yield "scheduler", choice.name
            return


def _parse(text: str, *, whole: bool) -> int | float | None:
    if _WHOLE.fullmatch(text):
        return int(text)
    try:
        number = float(text[:40])
    except ValueError:
        return None
    return number if math.isfinite(number) and not whole else None


def _number(value: object) -> str:
    return _quote(plain_number(value))


def _quote(text: str) -> str:
    """A JSON string where the plain text would not read back."""
    plain = text and text.strip() == text and not re.search(r'[,:\n"]', text)
    return text if plain else json.dumps(text, ensure_ascii=False)


def _unquote(text: str) -> str:
    try:
        return str(json.loads(text))
    except ValueError:
        return text[1:-1]
