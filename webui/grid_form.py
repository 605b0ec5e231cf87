"""Grids, prompt matrices and lists of prompts as values of the form, and the series that they ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from pipelines.errors import InvalidRequest
from pipelines.grid import MOST_CELLS, Words, plan_grid
from pipelines.grid_axes import AxisKind, Names, axis_kinds, find_kind, read_axis
from pipelines.matrix_grid import plan_matrix
from pipelines.prompt_lines import parse_lines
from pipelines.prompt_matrix import prompt_matrix
from pipelines.request import ImageToImageRequest, InpaintRequest, TextToImageRequest
from pipelines.samplers import find_sampler, sampler_choices, schedule_choices
from pipelines.styles_csv import apply_styles
from pipelines.upscaling.names import LATENT, RESAMPLING

from .controls import whole
from .extras_form import refiner_choices, vae_choices
from .form import styles_of
from .grid_plan import GridPlan, keeper_of_sheets
from .series import ListPlan, Plan
from .series_fields import AXES, LIST, MATRIX, ONE, VALUES

if TYPE_CHECKING:
    from pipelines.request import GenerationRequest

    from .studio import Studio

Make = Callable[[Mapping[str, Any]], "GenerationRequest"]
"""Makes a request of the form's values."""

TASKS: Final = (TextToImageRequest, ImageToImageRequest, InpaintRequest)


def kinds_of_all() -> tuple[AxisKind, ...]:
    """Every axis that any task has, in the order of the menu."""
    found = [axis_kinds(task) for task in TASKS]
    return tuple({kind.id: kind for kinds in found for kind in kinds}.values())


def names_of(studio: Studio) -> Names:
    """What an axis can name in a studio: values and labels."""
    samplers = [(value, label) for label, value in sampler_choices()]
    every = dict.fromkeys(value for _, name in sampler_choices() for value in _schedules(name))
    files = [file.id for file in getattr(studio.manager, "upscalers", list)() if not file.problem]
    pixels = [(name, name) for name in (*RESAMPLING, *files)]
    return {
        "scheduler": samplers,
        "hires_scheduler": samplers,
        "schedule": [("Automatic", "Automatic"), *((name, name) for name in every)],
        "model": [(info.id, info.name) for info in studio.models.values()],
        "style": [("", "None"), *((style.id, style.label) for style in studio.styles.values())],
        "vae": _turned(vae_choices(studio)),
        "refiner": _turned(refiner_choices(studio)),
        "hires_upscaler": [*((name, name) for name in LATENT), *pixels],
        "tile_upscaler": pixels,
    }


def words_of(studio: Studio, values: Mapping[str, Any]) -> Words:
    """The artist's own words on the form, and the styles that are laid over them."""

    def look(style: str | None, prompt: str, negative_prompt: str) -> tuple[str, str]:
        return apply_styles(styles_of(studio, values["style"] if style is None else style), prompt, negative_prompt)

    return Words(str(values["prompt"] or ""), str(values["negative_prompt"] or ""), look)


def many_asked(studio: Studio, values: Mapping[str, Any], make: Make, style: str | None) -> Plan | None:
    """The series that the form asks for by a grid, a matrix or a list of prompts; None where it asks for none.

    Args:
        studio: Whose models and styles are named.
        values: The form's values by name.
        make: Makes a request of them.
        style: The styles of the form, as recipes tell them.

    Raises:
        InvalidRequest: Something in it cannot be used; the axis or the line is named.
    """
    how = str(values.get("many_prompts") or ONE)
    axes = [(str(values.get(axis) or ""), str(values.get(text) or "")) for axis, text in zip(AXES, VALUES, strict=True)]
    gridded = any(axis for axis, _ in axes)
    if gridded and how != ONE:
        raise InvalidRequest("grid", "A grid and several prompts cannot be made at once; set one of them to nothing.")
    if how == LIST:
        return _list_plan(studio, values, make, style)
    if how != MATRIX and not gridded:
        return None
    words, gap = words_of(studio, values), values.get("grid_gap") or 0
    keep = keeper_of_sheets(studio)
    if how == MATRIX:
        swapped, seeds = bool(values.get("matrix_first")), bool(values.get("matrix_seeds"))
        matrix = plan_matrix(make(values), words, first=swapped, own_seeds=seeds)
        return GridPlan(matrix, MATRIX, keep, style, int(gap))
    grid = plan_grid(make(values), axes, names=names_of(studio), words=words)
    return GridPlan(grid, "grid", keep, style, int(gap))


def _list_plan(studio: Studio, values: Mapping[str, Any], make: Make, style: str | None) -> ListPlan:
    lines = parse_lines(str(values.get("prompt_lines") or ""))
    if not lines:
        raise InvalidRequest("prompt_lines", "The list of prompts is empty; write one prompt a line.")
    requests = []
    models = {name.casefold(): info.id for info in studio.models.values() for name in (info.id, info.name)}
    for number, line in enumerate(lines, 1):
        own = dict(values) | {"prompt": line.get("prompt", ""), "many_prompts": ONE}
        own |= {"negative_prompt": line["negative_prompt"]} if "negative_prompt" in line else {}
        base = make(own)
        told = {name: value for name, value in line.items() if name not in ("prompt", "negative_prompt")}
        if "model" in told:
            told["model"] = models.get(str(told["model"]).casefold(), told["model"])
        try:
            if "scheduler" in told:
                told["scheduler"] = find_sampler(str(told["scheduler"])).name
            fields = {name: getattr(base, name) for name in type(base).model_fields}
            unknown = next((name for name in told if name not in fields), None)
            if unknown is not None:
                raise InvalidRequest(unknown, f"{unknown} is no setting of this tab; leave it out.")
            requests.append(type(base)(**fields | told))
        except InvalidRequest as error:
            raise InvalidRequest("prompt_lines", f"Prompt {number} of the list: {error}") from None
    return ListPlan(LIST, requests, style)


def count_told(studio: Studio, values: Mapping[str, Any]) -> str:
    """How many pictures the form's grid or prompts come to, as one sentence; empty where it asks for none.

    Args:
        studio: Whose names axes can have.
        values: The fields here, with ``task``, ``prompt`` and ``num_images_per_prompt``.
    """
    try:
        how = str(values.get("many_prompts") or ONE)
        if how == MATRIX:
            count = len(prompt_matrix(str(values.get("prompt") or "")))
            return _will_be_made(
                count, "" if count > 1 else "; write the optional parts behind bars: a boat|at dusk|in fog"
            )
        if how == LIST:
            lines = parse_lines(str(values.get("prompt_lines") or ""))
            usual = values.get("num_images_per_prompt")
            each = int(whole(usual) or 1)  # type: ignore[call-overload]
            return _will_be_made(sum(int(line.get("num_images_per_prompt", each)) for line in lines), "")
        return _axes_told(studio, values)
    except ValueError as error:
        return str(error)


def _axes_told(studio: Studio, values: Mapping[str, Any]) -> str:
    names, count, used = names_of(studio), 1, False
    for name, axis, text in zip("XYZ", AXES, VALUES, strict=True):
        what = str(values.get(axis) or "")
        if not what:
            continue
        used = True
        task = next((task for task in TASKS if any(kind.id == what for kind in axis_kinds(task))), TASKS[0])
        kind = find_kind(task, what)
        try:
            count *= len(read_axis(kind, str(values.get(text) or ""), names, task).values)
        except ValueError as error:
            raise ValueError(f"{name} axis ({kind.label}) {error}") from None
    if count > MOST_CELLS:
        return f"The grid comes to {count} pictures; {MOST_CELLS} are the most."
    return _will_be_made(count, "") if used else ""


def _will_be_made(count: int, more: str) -> str:
    return f"{count} picture{'s' if count != 1 else ''} will be made{more}."


def _schedules(sampler: str) -> list[str]:
    """The names of the schedules that a sampler has, without the sampler's own name."""
    return [label for label, _ in schedule_choices(sampler)]


def _turned(choices: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(value, label) for label, value in choices]
