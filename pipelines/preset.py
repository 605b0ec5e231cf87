"""What lies under ``presets/`` as data: styles, model families, sizes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from .errors import PresetError
from .request import LARGEST_PROMPT, SIZE_STEP, TextToImageRequest, limits

PRESETS: Final = Path(__file__).resolve().parent.parent / "presets"

LARGEST_FILE: Final = 1 << 18
"""Bytes; a preset is a page of text at most."""

LONGEST: Final = 16
"""Times one side may be the other, for sizes that fit a request's limits."""

PROMPT: Final = "{prompt}"


class Style(BaseModel):
    """A look that can be laid over any prompt.

    Attributes:
        id: Its name in requests from programs; ``pixel-art``.
        label: Its name on the page.
        prompt: A text with ``{prompt}`` once in it, where the artist's own words go.
        negative_prompt: What this look avoids.
        order: Where it stands in the list; those without a number come last, by label.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    label: Annotated[str, Field(min_length=1, max_length=80)]
    prompt: Annotated[str, Field(max_length=LARGEST_PROMPT)]
    negative_prompt: Annotated[str, Field(max_length=LARGEST_PROMPT)] = ""
    order: float = Field(default=math.inf, allow_inf_nan=True)

    @field_validator("prompt")
    @classmethod
    def _has_one_place(cls, prompt: str) -> str:
        if prompt.count(PROMPT) != 1:
            raise ValueError(f"it must have {PROMPT} in it exactly once")
        return prompt


class Size(NamedTuple):
    """One stop of the ratio slider.

    Attributes:
        ratio: Width to height, as the slider names it; ``16:9``.
        width: Pixels.
        height: Pixels.
    """

    ratio: str
    width: int
    height: int


def load_styles(folder: Path = PRESETS / "styles") -> tuple[tuple[Style, ...], tuple[PresetError, ...]]:
    """Reads every style; a broken file keeps none of the others from being read.

    Returns:
        The styles in the order of the list, and one error for each file that cannot be used; its sentence
        names the file and what is wrong.
    """
    found: dict[str, Style] = {}
    presets, problems = load_presets(folder)
    for name, values in presets.items():
        try:
            style = Style.model_validate(values)
        except ValidationError as error:
            problems += (_unusable(folder / name, _first_complaint(error)),)
            continue
        if style.id in found:
            problems += (_unusable(folder / name, f"its id {style.id!r} is taken by another file"),)
        else:
            found[style.id] = style
    return tuple(sorted(found.values(), key=lambda style: (style.order, style.label))), problems


def load_presets(folder: Path) -> tuple[dict[str, dict[str, Any]], tuple[PresetError, ...]]:
    """Reads the JSON objects of a folder, by file name; for kinds of preset that need no more.

    Returns:
        What the files hold, and one error for each that cannot be read.
    """
    found: dict[str, dict[str, Any]] = {}
    problems: list[PresetError] = []
    for path in sorted(folder.glob("*.json")):
        try:
            found[path.name] = _read_object(path)
        except PresetError as error:
            problems.append(error)
    return found, tuple(problems)


def apply_style(style: Style | None, prompt: str, negative_prompt: str = "") -> tuple[str, str]:
    """Lays a style over a prompt.

    Args:
        style: The look, or None for none.
        prompt: The artist's own words.
        negative_prompt: What the artist wants to avoid; it comes before the style's.

    Returns:
        ``prompt`` and ``negative_prompt`` for a request.
    """
    if style is None:
        return prompt, negative_prompt
    avoided = [text for text in (negative_prompt, style.negative_prompt) if text.strip()]
    return style.prompt.replace(PROMPT, prompt), ", ".join(avoided)


def take_style_off(style: Style, prompt: str, negative_prompt: str = "") -> tuple[str, str] | None:
    """Gives the artist's own words back: the reverse of :func:`apply_style`.

    Args:
        style: The look that was laid over them.
        prompt: Words and look.
        negative_prompt: Likewise.

    Returns:
        ``prompt`` and ``negative_prompt`` as the artist wrote them; None where the look's text is another today.
    """
    before, after = style.prompt.split(PROMPT)
    own = prompt[len(before) : len(prompt) - len(after)]
    avoided = negative_prompt.removesuffix(style.negative_prompt).removesuffix(", ")
    same = apply_style(style, own, avoided) == (prompt, negative_prompt)
    return (own, avoided) if same else None


def sizes_for(native: int, path: Path = PRESETS / "sizes.json") -> list[Size]:
    """Gives Dream Studio's ratio stops for a model, wide first: each with about its native pixels.

    Sides are multiples of 8 within a request's limits. Every ratio is there for every model, so that a choice
    survives another model; at small sizes two of them can mean the same pixels.

    Args:
        native: Side in pixels of the square the model was trained on.
        path: The file with the ratios.

    Raises:
        PresetError: The file cannot be used.
    """
    return [Size(name, *_fit(native, ratio)) for name, ratio in _ratios(path).items()]


def _fit(native: int, ratio: float) -> tuple[int, int]:
    """The multiples of 8 nearest to a ratio and the native area; the ratio counts more: people see it."""
    bounds = limits(TextToImageRequest, "width")
    width, height = native * math.sqrt(ratio), native / math.sqrt(ratio)
    scale = min(max(1.0, bounds["minimum"] / min(width, height)), bounds["maximum"] / max(width, height))
    near = [
        (across * SIZE_STEP, down * SIZE_STEP)
        for across in {math.floor(width * scale / SIZE_STEP), math.ceil(width * scale / SIZE_STEP)}
        for down in {math.floor(height * scale / SIZE_STEP), math.ceil(height * scale / SIZE_STEP)}
    ]
    able = [size for size in near if all(bounds["minimum"] <= side <= bounds["maximum"] for side in size)]
    return min(able, key=lambda size: 2 * _error(size, ratio) + abs(math.log(size[0] * size[1] / native**2)))


def _error(size: tuple[int, int], ratio: float) -> float:
    return abs(math.log(size[0] / size[1] / ratio))


def _ratios(path: Path) -> dict[str, float]:
    ratios: dict[str, float] = {}
    for name in _read_object(path).get("ratios", []):
        try:
            across, down = (float(side) for side in str(name).split(":"))
            ratio = across / down
        except (ValueError, ZeroDivisionError):
            ratio = math.nan
        if not 1 / LONGEST <= ratio <= LONGEST:
            raise _unusable(path, f"{name!r} is no ratio such as 16:9")
        ratios[str(name)] = ratio
    if not ratios:
        raise _unusable(path, "it has no list 'ratios'")
    return ratios


def _read_object(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise _unusable(path, f"it has more than {LARGEST_FILE} bytes")
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _unusable(path, error.strerror or "it cannot be read") from error
    except UnicodeDecodeError as error:
        raise _unusable(path, "it is not UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise _unusable(path, f"line {error.lineno} is not JSON: {error.msg}") from error
    except RecursionError as error:
        raise _unusable(path, "it is nested too deeply") from error
    if not isinstance(values, dict):
        raise _unusable(path, "it is no JSON object")
    return values


def _first_complaint(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    reason = str(first["msg"]).removeprefix("Value error, ")
    return f"{'.'.join(str(part) for part in first['loc']) or 'it'}: {reason}"


def _unusable(path: Path, why: str) -> PresetError:
    name = "/".join(["presets", *path.parts[-2:]]) if path.parent.name != "presets" else f"presets/{path.name}"
    return PresetError(f"{name} cannot be used ({why}); correct it or remove it.")
