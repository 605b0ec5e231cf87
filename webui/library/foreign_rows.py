"""What of somebody else's settings can be had here: taken as they are, approximated, or not possible, each said."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pipelines.errors import InvalidRequest
from pipelines.request import LARGEST_PROMPT, LARGEST_SEED, SIZE_STEP, TextToImageRequest, limits
from pipelines.samplers import check_steps, find_sampler

from .foreign_extras import ABSENT, Installed, missing_tags, refiner_of, rows_of, vae_of
from .foreign_found import Found
from .foreign_more import HIRES, ONLY_INPAINT, more_rows
from .foreign_reasons import why_not
from .foreign_samplers import nearest_sampler
from .recipe import ModelLike

LONGEST_SHOWN: Final = 300
MOST_OTHERS: Final = 100


@dataclass(frozen=True, slots=True)
class Taken:
    """A value as it was."""

    field: str
    value: Any


@dataclass(frozen=True, slots=True)
class Approximated:
    """A value as near as can be: what it became, and how."""

    field: str
    value: Any
    how: str


@dataclass(frozen=True, slots=True)
class NotPossible:
    """What cannot be had, and why."""

    what: str
    why: str


@dataclass(slots=True)
class Rows:
    """What became of each value.

    Attributes:
        taken: As they were.
        approximated: As near as can be.
        not_possible: What cannot be had.
        task: ``text_to_image``, ``image_to_image`` or ``inpaint``.
    """

    taken: list[Taken] = field(default_factory=list)
    approximated: list[Approximated] = field(default_factory=list)
    not_possible: list[NotPossible] = field(default_factory=list)
    task: str = "text_to_image"

    def fields(self) -> dict[str, Any]:
        """Request fields, ready to fill a form with."""
        taken = {row.field: row.value for row in self.taken}
        return taken | {row.field: row.value for row in self.approximated}


def rows_for(
    found: Found,
    models: Sequence[ModelLike],
    hashes: Callable[[ModelLike], str | None],
    installed: Installed = Installed(),  # noqa: B008 - frozen
) -> Rows:
    """Decides what of the values can be used.

    Args:
        found: What a reader found.
        models: Those that can be asked for.
        hashes: Gives the hash of a model's weights.
        installed: LoRAs and VAEs.
    """
    rows, values = Rows(), dict(found.values)
    _prompts(rows, values, installed)
    _sampler(rows, values)
    _number(rows, "num_inference_steps", values.get("num_inference_steps"))
    _number(rows, "guidance_scale", values.get("guidance_scale"))
    _fit_steps(rows)
    _seed(rows, values.get("seed"))
    _size(rows, values.get("width"), values.get("height"))
    _task(rows, values, found)
    _more(rows, values, installed)
    _model(rows, values, models, hashes)
    _others(rows, found)
    _extras(rows, values, models, installed)
    return rows


def _prompts(rows: Rows, values: dict[str, Any], installed: Installed) -> None:
    for name in ("prompt", "negative_prompt"):
        text = str(values.get(name) or "")
        if len(text) > LARGEST_PROMPT:
            rows.approximated.append(Approximated(name, text[:LARGEST_PROMPT], f"cut after {LARGEST_PROMPT} letters"))
        elif text or name in values:
            rows.taken.append(Taken(name, text))
        rows.not_possible += [NotPossible(what, why) for what, why in missing_tags(text, installed.loras)]


def _sampler(rows: Rows, values: dict[str, Any]) -> None:
    asked = str(values.get("sampler") or "")[:100]
    if not asked:
        return
    name, how = nearest_sampler(asked, str(values.get("schedule") or "")[:100])
    if name is None:
        rows.not_possible.append(NotPossible(f"sampler {asked}", how))
    elif how:
        rows.approximated.append(Approximated("scheduler", name, how))
    else:
        rows.taken.append(Taken("scheduler", name))


def _number(rows: Rows, name: str, value: Any) -> None:
    if value is None:
        return
    bounds = limits(TextToImageRequest, name)
    number = _finite(value)
    if number is None:
        rows.not_possible.append(NotPossible(name, f"{_shown(value)} is no number"))
        return
    whole = name == "num_inference_steps"
    near: float = min(max(number, bounds["minimum"]), bounds["maximum"])
    near = round(near) if whole else near
    _put(rows, name, number, near, f"{number:g} is more or less than can be asked for")


def _fit_steps(rows: Rows) -> None:
    """Fewer steps where the sampler cannot run so many."""
    told = rows.fields()
    steps, scheduler = told.get("num_inference_steps"), told.get("scheduler")
    if isinstance(steps, int) and scheduler:
        try:
            check_steps(str(scheduler), steps)
        except InvalidRequest:
            most = find_sampler(str(scheduler)).sampler.largest_steps
            rows.taken[:] = [row for row in rows.taken if row.field != "num_inference_steps"]
            rows.approximated[:] = [row for row in rows.approximated if row.field != "num_inference_steps"]
            rows.approximated.append(Approximated("num_inference_steps", most, f"{scheduler} runs at most {most}"))


def _seed(rows: Rows, value: Any) -> None:
    if value is None:
        return
    text = str(value).strip()[:40]
    if not re.fullmatch(r"\d{1,30}", text):
        rows.not_possible.append(NotPossible("seed", f"{_shown(value)} is no seed"))
    elif int(text) > LARGEST_SEED:
        rows.not_possible.append(NotPossible("seed", f"{text} is larger than {LARGEST_SEED}, the largest here"))
    else:
        rows.taken.append(Taken("seed", int(text)))


def _size(rows: Rows, width: Any, height: Any) -> None:
    if width is None or height is None:
        return
    sides = [_finite(width), _finite(height)]
    if None in sides or any(not 1 <= side <= 65536 for side in sides if side is not None):
        rows.not_possible.append(NotPossible("size", f"{_shown(width)} × {_shown(height)} is no size"))
        return
    how = f"sides are multiples of {SIZE_STEP} from 64 to 2048"
    for name, side in zip(("width", "height"), sides, strict=True):
        assert side is not None
        near = min(max(round(side / SIZE_STEP) * SIZE_STEP, 64), 2048)
        _put(rows, name, side, near, how)


def _task(rows: Rows, values: dict[str, Any], found: Found) -> None:
    """A strength means that there was a picture to begin with, unless it is the second pass's."""
    if any(name in values for name in HIRES) or any(re.match(r"(?i)hires|hrf", name) for name in found.others):
        return
    strength = _finite(values.get("strength"))
    blur = _finite(values.get("mask_blur"))
    inpaint = blur is not None or any(values.get(name) not in (None, False) for name in ONLY_INPAINT)
    inpaint = inpaint or any(name.lower() in ("mask mode", "inpaint area") for name in found.others)
    if strength is None and not inpaint:
        return
    rows.task = "inpaint" if inpaint else "image_to_image"
    if strength is not None:
        _put(rows, "strength", strength, min(max(strength, 0.0), 1.0), "it goes from 0 to 1")
    if blur is not None:
        _put(rows, "mask_blur", blur, round(min(max(blur, 0), 64)), "it goes from 0 to 64")
    rows.not_possible.append(NotPossible("image", "the picture it began with is not in the file; give it again"))
    if inpaint:
        rows.not_possible.append(NotPossible("mask_image", "the mask is not in the file; paint it again"))


def _model(
    rows: Rows, values: dict[str, Any], models: Sequence[ModelLike], hashes: Callable[[ModelLike], str | None]
) -> None:
    name, asked = str(values.get("model_name") or "")[:200], str(values.get("model_hash") or "").lower()[:64]
    if not name and not asked:
        return
    plain = re.sub(r"\.(safetensors|ckpt|gguf)$", "", name).replace("\\", "/").rsplit("/", 1)[-1].lower()
    if len(asked) >= 8:
        for model in models:
            if (hashes(model) or "").startswith(asked):
                rows.taken.append(Taken("model", model.id))
                return
    for model in models:
        if plain and plain in (model.id.lower(), model.name.lower(), model.id.lower().rsplit("/", 1)[-1]):
            if asked and hashes(model):
                how = f"of the same name, but other weights than {asked[:10]}"
                rows.approximated.append(Approximated("model", model.id, how))
            else:
                rows.taken.append(Taken("model", model.id))
            return
    rows.not_possible.append(NotPossible(f"model {name or asked}", "it is not installed; the one chosen is used"))


def _extras(rows: Rows, values: dict[str, Any], models: Sequence[ModelLike], installed: Installed) -> None:
    """LoRAs, the VAE and the refiner, where they are here."""
    loras, missing = rows_of(values.get("loras"), installed.loras)
    if loras:
        rows.taken.append(Taken("loras", loras))
    rows.not_possible += [NotPossible(f"lora {name}", ABSENT) for name in missing]
    vae, there = vae_of(values.get("vae"), installed.vaes)
    if vae:
        rows.taken.append(Taken("vae", vae))
    elif not there:
        rows.not_possible.append(NotPossible(f"VAE: {_shown(values['vae'])}", f"{ABSENT}; the model's own is used"))
    refiner = refiner_of(values.get("refiner"), models)
    switch = _finite(values.get("refiner_switch"))
    if refiner:
        rows.taken.append(Taken("refiner", refiner))
        if switch is not None:
            _put(rows, "refiner_switch", switch, min(max(switch, 0.5), 1.0), "it goes from 0.5 to 1")
    elif values.get("refiner"):
        rows.not_possible.append(NotPossible(f"Refiner: {_shown(values['refiner'])}", ABSENT))


def _more(rows: Rows, values: dict[str, Any], installed: Installed) -> None:
    """Everything finer. Where a program draws its noise on the graphics card, ``nv`` draws the same anywhere."""
    if values.get("noise_source") == "device":
        del values["noise_source"]
        how = "drawn on its graphics card there; these are the same numbers, on any machine"
        rows.approximated.append(Approximated("noise_source", "nv", how))
    for name, value, why in more_rows(values, installed.upscalers):
        if why:
            rows.not_possible.append(NotPossible(f"{name} {_shown(value)}", why))
        else:
            rows.taken.append(Taken(name, value))


def _others(rows: Rows, found: Found) -> None:
    all_there = not any(row.what.startswith(("lora ", "lyco ")) for row in rows.not_possible)
    for name, value in list(found.others.items())[:MOST_OTHERS]:
        reason = "" if all_there and name.lower() == "lora hashes" else why_not(name, value)
        if reason:
            rows.not_possible.append(NotPossible(f"{name[:100]}: {_shown(value)}", reason))
    if len(found.others) > MOST_OTHERS:
        rows.not_possible.append(NotPossible(f"{len(found.others) - MOST_OTHERS} more settings", "too many to look at"))


def _put(rows: Rows, name: str, value: float, near: float, how: str) -> None:
    if near == value:
        rows.taken.append(Taken(name, near))
    else:
        rows.approximated.append(Approximated(name, near, f"{value:g}: {how}" if "than can" not in how else how))


def _finite(value: Any) -> float | None:
    """A number, also where it stands as text; whole ones stay whole."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(str(value)[:40]) if not isinstance(value, int) or abs(value) < 2**63 else None
    except ValueError:
        return None
    if number is None or not math.isfinite(number):
        return None
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _shown(value: Any) -> str:
    try:
        text = value if isinstance(value, str) else repr(value)[: LONGEST_SHOWN * 4]
    except RecursionError:
        return "…"
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
