"""Going on from a finished picture: send it to a task, or take its prompt, its seed or everything back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import gradio as gr

from pipelines.samplers import find_sampler, schedule_choices

from .controls import image_strength_of
from .dreaming import PRIVATE, SPEAKING
from .feed import recipe_fields
from .routes import find_picture
from .saying import say
from .source_events import show_source

if TYPE_CHECKING:
    from .library.picture import SavedPicture
    from .panel import Panel
    from .studio import Studio

GONE: Final = "That picture is no longer there; its file was moved or deleted."
NUMBERS: Final = ("num_inference_steps", "guidance_scale", "mask_blur")


def reused(studio: Studio, picture: SavedPicture, what: str, recipe: Any = None) -> dict[str, Any]:
    """The form's values that bring back a picture's prompt, its seed, or everything.

    Args:
        studio: Whose models they name.
        picture: The finished picture.
        what: ``prompt``, ``seed`` or ``everything``.
        recipe: The picture's whole recipe, where the library has it.
    """
    told = recipe_fields(picture)
    prompts = {"prompt": told["prompt"], "negative_prompt": told["negative_prompt"], "style": ""}
    seed = {"seed": str(picture.seed)}
    if what == "prompt":
        return prompts
    if what == "seed":
        return seed
    values: dict[str, Any] = {**prompts, **seed, "size": f"{picture.width}x{picture.height}"}
    values |= {name: told[name] for name in NUMBERS if name in told}
    if "scheduler" in told:
        choice = find_sampler(str(told["scheduler"]))
        values |= {"sampler": choice.sampler.name, "schedule": choice.name}
    task = recipe.task if recipe is not None else "text_to_image"
    if "strength" in told:
        name = "repaint_strength" if task == "inpaint" else "image_strength"
        values[name] = image_strength_of(float(told["strength"]))
    model = recipe.model.id if recipe is not None and recipe.model is not None else None
    if model in studio.models:
        values["model"] = model
    return values


def wire_refining(studio: Studio, panel: Panel, easel: gr.HTML, results: gr.HTML, original: gr.State) -> None:
    """Connects the pictures' own buttons."""
    fields = panel.fields
    names = [name for name in fields if name not in ("source", "mask_upload", "task", "background", "picture_size")]

    def update(values: dict[str, Any]) -> list[Any]:
        """One update for each of ``names``, those without a value stay as they are; a negative prompt is shown."""
        updates: list[Any] = [gr.update(value=values[name]) if name in values else gr.skip() for name in names]
        if "sampler" in values:
            choices = schedule_choices(values["sampler"])
            updates[names.index("schedule")] = gr.update(choices=choices, value=values["schedule"])
        shown = gr.update(open=True) if values.get("negative_prompt") else gr.skip()
        return [*updates, shown]

    def find(event: gr.EventData, request: gr.Request) -> tuple[SavedPicture | None, Any]:
        owner = studio.owner(request.cookies)
        picture = find_picture(studio, owner, str(event.id)[:64])
        if picture is None:
            say(GONE)
            return None, None
        return picture, studio.library.recipe(owner, picture.id)

    def reuse(event: gr.EventData, request: gr.Request) -> list[Any]:
        picture, recipe = find(event, request)
        if picture is not None and event.what == "seed":
            say(f"Seed {picture.seed} is used from now on; Auto in Advanced ends that.", friendly=True)
        return update(reused(studio, picture, str(event.what), recipe) if picture else {})

    def send(event: gr.EventData, request: gr.Request) -> Any:
        picture, _ = find(event, request)
        task = str(event.task)
        if picture is None or task not in panel.tab_items:
            return [gr.skip()] * 7
        shown = show_source(studio, picture.path or picture.image, "#ffffff", fields["source"].GRADIO_CACHE)
        return [gr.update(selected=task), task, *shown]

    results.reuse(
        reuse, outputs=[*(fields[name] for name in names), panel.negative_section], trigger_mode="multiple", **SPEAKING
    )
    fields["seed"].change(None, fields["seed"], panel.seed_chip, js="(seed) => seed", **PRIVATE)
    panel.seed_chip.free(None, outputs=fields["seed"], js="() => ''", **PRIVATE)
    targets = [panel.tabs, fields["task"], fields["source"], original, easel, panel.source_note, fields["background"]]
    results.send(send, outputs=targets, trigger_mode="multiple", **SPEAKING).then(
        None, fields["task"], js="(task) => { reverie.showTask(task); }", **PRIVATE
    )
