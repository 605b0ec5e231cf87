"""What choosing a model does to the form: it brings the settings that suit it, and leaves what a person has set."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from .form import model_values
from .models_told import TASKS
from .wording import LABELS

if TYPE_CHECKING:
    from pipelines.models import ModelInfo

    from .studio import Studio

SETTINGS: Final = ("num_inference_steps", "guidance_scale", "sampler", "schedule")

SHOWN: Final[Mapping[str, str]] = {
    "num_inference_steps": LABELS["num_inference_steps"],
    "guidance_scale": LABELS["guidance_scale"],
    "sampler": LABELS["scheduler"],
}


def settings_for(studio: Studio, model_id: str, before: str, values: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The settings after another model was chosen, and a note that says what has happened to them.

    A setting that stands where the model before had put it follows the new one, and where the new one puts it there is
    nothing to be kept; any other is somebody's own.

    Args:
        studio: Whose models they are.
        model_id: The new model.
        before: The one before; empty = the first.
        values: The form's settings by name.

    Returns:
        The settings by name, and the note as HTML.
    """
    if before == model_id:
        return {name: values[name] for name in SETTINGS}, _note(studio, model_id, model_values(studio, model_id), [])
    suits, suited = model_values(studio, model_id), model_values(studio, before)
    own = [name for name in SHOWN if not any(_same(values[name], one[name]) for one in (suited, suits))]
    if "sampler" in own and not allows_sampler(studio, model_id, str(values["sampler"])):
        own.remove("sampler")  # it cannot be kept
        values = {**values, "sampler": suits["sampler"], "schedule": suited["schedule"]}
    if "sampler" in own or not _same(values["schedule"], suited["schedule"]):
        own.append("schedule")
    if "schedule" in own and "sampler" not in own and values["sampler"] != suits["sampler"]:
        own.remove("schedule")  # a schedule belongs to its sampler
    kept = {name: values[name] if name in own else suits[name] for name in SETTINGS}
    return kept, _note(studio, model_id, suits, own)


def model_choices(studio: Studio) -> list[tuple[str, str]]:
    """What the model menu offers: label and value; those that cannot paint from words say what they can."""
    return [(_named(info), info.id) for info in studio.models.values()]


def _named(info: ModelInfo) -> str:
    if "text_to_image" in info.tasks:
        return info.name
    able = [words for task, words in TASKS.items() if task in info.tasks]
    return f"{info.name} · {' and '.join(able).lower()} only" if able else info.name


def lacking_notes(studio: Studio, model_id: object) -> str:
    """A sentence for each task that a model cannot do, as HTML; the style sheet shows the one of the open tab."""
    model = studio.model(model_id)
    able = [words for task, words in TASKS.items() if task in model.tasks]
    return "".join(
        f'<p class="task-note" data-lacks="{task}" role="status">{html.escape(model.name)} cannot do '
        f"{words.lower()}, only {html.escape(' and '.join(able).lower())}; choose another tab, or another model "
        "under Advanced.</p>"
        for task, words in TASKS.items()
        if task not in model.tasks
    )


def _note(studio: Studio, model_id: str, suits: Mapping[str, Any], own: list[str]) -> str:
    model = studio.model(model_id)
    told = (
        f"{suits['num_inference_steps']} steps, prompt strength {suits['guidance_scale']:g}, {suits['schedule']}, "
        f"{model.native_size} × {model.native_size}"
    )
    sentence = f"Suits {html.escape(model.name)}: {html.escape(told)}."
    kept = [SHOWN[name] for name in SHOWN if name in own]
    if kept:
        sentence += f" <b>Kept as you set it: {html.escape(', '.join(kept).lower())}.</b>"
    return f'<p class="model-note">{sentence}</p>'


def allows_sampler(studio: Studio, model_id: str, sampler: str) -> bool:
    """Whether a model can draw with a sampler; flow matching has its own."""
    catalogue = getattr(studio.manager, "catalogue", None)
    samplers = catalogue.family(studio.model(model_id)).samplers if catalogue is not None else ()
    return not samplers or sampler in samplers


def _same(one: object, other: object) -> bool:
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return abs(one - other) < 1e-6
    return one == other
