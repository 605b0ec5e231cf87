"""One reader for each program that writes its settings as plain keys: A1111 and its kin, Fooocus, klms-gui, NovelAI."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from .carried import MAKER_NOTE, PARAMETERS, SOFTWARE
from .foreign_found import Found, NotThis, json_object, renamed
from .infotext import read_infotext

_FOOOCUS: Final = {
    "prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "steps": "num_inference_steps",
    "guidance_scale": "guidance_scale",
    "seed": "seed",
    "sampler": "sampler",
    "scheduler": "schedule",
    "base_model": "model_name",
    "base_model_hash": "model_hash",
}
_KLMS: Final = {
    "SD:prompt": "prompt",
    "SD:negative_prompt": "negative_prompt",
    "SD:seed": "seed",
    "SD:width": "width",
    "SD:height": "height",
    "SD:steps": "num_inference_steps",
    "SD:cfg_scale": "guidance_scale",
    "SD:sampler": "sampler",
    "SD:sampler_name": "sampler",
    "SD:denoising_strength": "strength",
}
_NOVELAI: Final = {
    "prompt": "prompt",
    "uc": "negative_prompt",
    "steps": "num_inference_steps",
    "scale": "guidance_scale",
    "seed": "seed",
    "width": "width",
    "height": "height",
    "sampler": "sampler",
    "noise_schedule": "schedule",
}
_KIN: Final = (
    (r"Reverie\b", "Reverie"),
    (r"f\d|f2\.", "Forge"),
    (r"neo|classic", "Forge"),
    (r"Fooocus", "Fooocus"),
    (r"ComfyUI", "ComfyUI"),
)


def infotext(texts: Mapping[str, str]) -> Found:
    """A1111, Forge, SD.Next, Reverie, and whoever else writes A1111's text."""
    text = texts.get(PARAMETERS)
    if not text or text.lstrip().startswith("{"):
        raise NotThis
    read = read_infotext(text)
    others = read.pop("unknown")
    version = str(read.pop("version", ""))
    if not others and len(read) <= 2:  # nothing but a prompt: no such text
        raise NotThis
    writer = next((name for pattern, name in _KIN if re.match(pattern, version)), "AUTOMATIC1111")
    if "SD.Next" in str(others.get("App", "")) or "sdnext" in version.lower():
        writer = "SD.Next"
    values = {**read}
    if writer in ("AUTOMATIC1111", "Forge", "SD.Next"):
        values.setdefault("noise_source", "device")  # which these programs do not write, as it is what they do anyway
    if "scheduler" in values:
        values["sampler"] = values.pop("scheduler")
    for key, name in (("Sampler", "sampler"), ("Schedule type", "schedule")):
        if key in others:
            values[name] = others.pop(key)
    return Found(writer, values, others)


def fooocus(texts: Mapping[str, str]) -> Found:
    """Fooocus' own scheme: JSON under ``parameters``, or in a JPEG's or WebP's EXIF."""
    read = json_object(texts.get(PARAMETERS))
    scheme = texts.get("fooocus_scheme") or texts.get(MAKER_NOTE) or ""
    named = "fooocus" in scheme or "Fooocus" in f"{read.get('version')}{texts.get(SOFTWARE)}"
    if not (named or {"base_model", "prompt"} <= read.keys()):
        raise NotThis
    values, others = renamed(read, _FOOOCUS)
    size = _tuple(others.pop("resolution", None))
    if len(size) == 2:
        values["width"], values["height"] = size
    others = {name: value for name, value in others.items() if value not in ("", "None", None, [], "[]")}
    full = others.pop("full_prompt", None), others.pop("full_negative_prompt", None)
    for name, whole in zip(("prompt", "negative_prompt"), full, strict=True):
        if isinstance(whole, list):
            whole = ", ".join(str(part) for part in whole)  # noqa: PLW2901 - the same prompt in one piece
        if isinstance(whole, str) and whole.strip():  # with its styles' words, which is what was really painted
            values[name] = whole
            others.pop("styles", None)
    return Found("Fooocus", values, others)


def klms(texts: Mapping[str, str]) -> Found:
    """Keys ``SD:prompt``, ``SD:seed`` and so on, by stable-diffusion-klms-gui and hlky's web UI."""
    own = {name: text for name, text in texts.items() if name.startswith("SD:")}
    if "SD:prompt" not in own and "SD:seed" not in own:
        raise NotThis
    values, others = renamed(own, _KLMS)
    return Found("klms-gui", values, others)


def novelai(texts: Mapping[str, str]) -> Found:
    """NovelAI: the prompt as ``Description``, the rest as JSON in ``Comment``."""
    if texts.get("Software") != "NovelAI" and "NovelAI" not in texts.get("Source", ""):
        raise NotThis
    values, others = renamed(json_object(texts.get("Comment")), _NOVELAI)
    if texts.get("Description"):
        values["prompt"] = texts["Description"]
    values["model_name"] = texts.get("Source") or "NovelAI"
    for name in (
        "signed_hash",
        "request_type",
        "n_samples",
        "strength",
        "noise",
    ):  # the last two also without a picture
        others.pop(name, None)
    return Found("NovelAI", values, others)


def _tuple(text: Any) -> tuple[int, ...]:
    """Whole numbers out of ``(1024, 768)``; read as a literal, never run."""
    with suppress(ValueError, SyntaxError, RecursionError, MemoryError):
        found = ast.literal_eval(text) if isinstance(text, str) and len(text) < 40 else text
        if isinstance(found, list | tuple) and all(type(part) is int for part in found):
            return tuple(found)
    return ()
