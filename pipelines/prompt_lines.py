"""Prompts from a box or file: one a line, each with flags of its own, as A1111's script of that name reads them."""

from __future__ import annotations

import difflib
import re
import shlex
from typing import Any, Final

from .errors import InvalidRequest

MOST_LINES: Final = 500

_FIELDS: Final = {
    "prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "steps": "num_inference_steps",
    "num_inference_steps": "num_inference_steps",
    "cfg_scale": "guidance_scale",
    "guidance_scale": "guidance_scale",
    "sampler_name": "scheduler",
    "sampler": "scheduler",
    "scheduler": "scheduler",
    "seed": "seed",
    "width": "width",
    "height": "height",
    "batch_size": "num_images_per_prompt",
    "num_images_per_prompt": "num_images_per_prompt",
    "sd_model": "model",
    "model": "model",
    "vae": "vae",
    "denoising_strength": "strength",
    "strength": "strength",
}
"""A1111's flags and ours, by the field of a request they set."""

_WHOLE: Final = {"num_inference_steps", "seed", "width", "height", "num_images_per_prompt"}
_BROKEN: Final = {"guidance_scale", "strength"}
_FLAG: Final = re.compile(r"(?:^|\s)--(?=[A-Za-z])")
_NUMBER: Final = re.compile(r"[+-]?(?:\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})")


def parse_lines(text: str) -> list[dict[str, Any]]:
    """Reads one request's fields from each line that is not empty; ``#`` begins a comment line.

    ``a boat --seed 5 --steps 30`` and A1111's ``--prompt "a boat" --seed 5`` are the same. A line without flags is a
    prompt whatever is in it.

    Returns:
        Fields by diffusers' names, only those that are given; the request checks their limits.

    Raises:
        InvalidRequest: A flag is unknown or has no value, or there are more than 500 lines; the line is named.
    """
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    wanted = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if len(wanted) > MOST_LINES:
        raise InvalidRequest("prompt", f"prompt has {len(wanted)} lines; give at most {MOST_LINES}.")
    return [_line(line, number) for number, line in wanted]


def _line(line: str, number: int) -> dict[str, Any]:
    flag = _FLAG.search(line)
    if flag is None:
        return {"prompt": line}
    words, rest = line[: flag.start()].strip(), line[flag.start() :].strip()
    fields: dict[str, Any] = {"prompt": words} if words else {}
    try:
        reader = shlex.shlex(rest, posix=True, punctuation_chars=False)
        reader.whitespace_split, reader.commenters, reader.quotes = True, "", '"'
        told = list(reader)
    except ValueError:
        raise InvalidRequest("prompt", f"line {number} has a quotation mark that is not closed; close it.") from None
    place = 0
    while place < len(told):
        name = told[place].removeprefix("--").replace("-", "_").lower()
        field = _FIELDS.get(name) if told[place].startswith("--") else None
        if field is None:
            near = difflib.get_close_matches(name, _FIELDS, n=1)
            way_out = f"use --{near[0]}" if near else "use one such as --steps, --seed or --sampler"
            raise InvalidRequest("prompt", f"line {number} has {told[place][:40]!r}, which is no flag; {way_out}.")
        values, place = _values(told, place + 1)
        if not values:
            raise InvalidRequest("prompt", f"line {number} has --{name} without a value; give one after it.")
        fields[field] = _value(field, " ".join(values), number)
    if not str(fields.get("prompt", "")).strip():
        raise InvalidRequest("prompt", f"line {number} has flags and no prompt; write one before them.")
    return fields


def _values(told: list[str], place: int) -> tuple[list[str], int]:
    """The words up to the next flag: names such as ``DPM++ 2M Karras`` need no quotation marks."""
    end = place
    while end < len(told) and not re.match(r"--[A-Za-z]", told[end]):
        end += 1
    return told[place:end], end


def _value(field: str, said: str, number: int) -> Any:
    if field not in _WHOLE | _BROKEN:
        return said
    if not _NUMBER.fullmatch(said) or (field in _WHOLE and not float(said).is_integer()):
        kind = "whole number" if field in _WHOLE else "number"
        raise InvalidRequest(field, f"line {number} has {field} {said[:40]!r}, which is no {kind}; give one.")
    return int(float(said)) if field in _WHOLE else float(said)
