"""Going on from a finished picture: send it to a task, or take its prompt, its seed or everything back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from pipelines.request_stages import LATEST_STEP

from .branching import NO_BRANCH, branch_at, why_not
from .dreaming import PRIVATE, SPEAKING
from .feed import recipe_fields
from .filling import FILLED, form_updates, own_words, settings_of
from .finding import GONE, find_picture
from .grid_plan import SHEET
from .library.embed import encode_png
from .library.inputs import FIELDS
from .library.recipe import made_larger
from .masks import as_painted
from .saying import say
from .source_events import show_source, source_places

if TYPE_CHECKING:
    from .library.picture import SavedPicture
    from .library.recipe import Recipe
    from .panel import Panel
    from .studio import Studio


def reused(studio: Studio, picture: SavedPicture, what: str, recipe: Recipe | None = None) -> dict[str, Any]:
    """The form's values that bring back a picture's prompt, its seed, everything, or everything but the seed.

    Args:
        studio: Whose models they name.
        picture: The finished picture.
        what: ``prompt``, ``seed``, ``everything`` or ``remix``, which is everything but the seed.
        recipe: The picture's whole recipe, where the library has it.
    """
    told = recipe_fields(picture)
    prompts = own_words(studio, picture.style, str(told["prompt"]), str(told["negative_prompt"]))
    seed = {"seed": "" if what == "remix" else str(picture.seed)}
    if what == "prompt":
        return prompts
    if what == "seed":
        return seed
    model = recipe.model.id if recipe is not None and recipe.model is not None else None
    told = {**told, "model": model, "stages": recipe.request.get("stages") if recipe is not None else None}
    sides: Mapping[str, Any] = {"width": picture.width, "height": picture.height}
    if made_larger(told) or picture.edit == SHEET:  # a sheet tells its pictures' size
        sides = recipe.request if recipe is not None else {}
    told |= {side: sides.get(side) for side in ("width", "height")}
    task = recipe.task if recipe is not None else "text_to_image"
    return {**prompts, **seed, **settings_of(studio, told, task)}


def asked_for(studio: Studio, event: gr.EventData, request: gr.Request) -> tuple[SavedPicture | None, Recipe | None]:
    """The visitor's picture whose button was pressed, and its recipe; says so where it is gone."""
    owner = studio.owner(request.cookies)
    picture = find_picture(studio, owner, str(event.id)[:64])
    if picture is None:
        say(GONE)
        return None, None
    return picture, studio.library.recipe(owner, picture.id)


class Refining:
    """Updates of the page that go on from a finished picture.

    Args:
        studio: Whose library it is.
        panel: The form.
        easel: Where masks are painted.
        original: The kept original of the picture to begin with.
    """

    def __init__(self, studio: Studio, panel: Panel, easel: gr.HTML, original: gr.Textbox) -> None:
        fields = panel.fields
        self._studio, self._cache = studio, fields["source"].GRADIO_CACHE
        self._tasks = panel.tab_items
        source = source_places(panel, easel, original)
        self.places: list[Any] = [panel.tabs, fields["task"], *source, fields["parent"]]
        self.form: list[Any] = [*(fields[name] for name in FILLED), panel.negative_section]

    def reuse(self, event: gr.EventData, request: gr.Request) -> list[Any]:
        """Updates for ``form`` and ``places``."""
        picture, recipe = asked_for(self._studio, event, request)
        if picture is None:
            return [gr.skip()] * (len(self.form) + len(self.places))
        if event.what == "seed":
            say(f"Seed {picture.seed} is used from now on; Auto in Advanced ends that.", friendly=True)
        stay: list[Any] = [gr.skip()] * len(self.places)
        if event.what in ("everything", "remix") and recipe is not None:
            stay = self._start_again(picture, recipe.task, request)
        values = reused(self._studio, picture, str(event.what), recipe)
        shown = gr.update(open=True) if values.get("negative_prompt") else gr.skip()
        return [*form_updates(self._studio, values), shown, *stay]

    def branch(self, event: gr.EventData, request: gr.Request) -> list[Any]:
        """Updates for ``form``, ``places`` and the number of pictures: everything as it was, up to a step."""
        stay: list[Any] = [gr.skip()] * (len(self.form) + len(self.places) + 1)
        picture, recipe = asked_for(self._studio, event, request)
        if picture is None:
            return stay
        owner = self._studio.owner(request.cookies)
        reason = why_not(recipe, self._studio.library.inputs(owner, picture.id) if recipe is not None else ())
        if recipe is None or reason:
            say(reason)
            return stay
        step = min(max(1, int(event.step)), LATEST_STEP)
        values = reused(self._studio, picture, "everything", recipe)
        values["branch"] = branch_at(recipe, picture.id, step)
        say(f"Goes on after step {step}: change prompt, style or prompt strength, and dream.", friendly=True)
        shown = gr.update(open=True) if values.get("negative_prompt") else gr.skip()
        return [*form_updates(self._studio, values), shown, *self._start_again(picture, recipe.task, request), 1]

    def send(self, prompt: str, event: gr.EventData, request: gr.Request) -> list[Any]:
        """Updates for the prompt, which is the picture's own where none was typed, the branch, and ``places``."""
        picture, _ = asked_for(self._studio, event, request)
        if picture is None or event.task not in self._tasks:
            return [gr.skip()] * (2 + len(self.places))
        words = gr.skip() if prompt.strip() else reused(self._studio, picture, "prompt")["prompt"]
        return [words, NO_BRANCH, *self._start_with(str(event.task), picture)]

    def _start_with(self, task: str, picture: SavedPicture | None) -> list[Any]:
        """The tab, and what its picture starts from."""
        if picture is None:
            return [gr.update(selected=task), task, *[gr.skip()] * (len(self.places) - 2)]
        shown = show_source(self._studio, picture.path or picture.image, "#ffffff", self._cache)
        return [gr.update(selected=task), task, *shown, picture.id]

    def _start_again(self, picture: SavedPicture, task: str, request: gr.Request) -> list[Any]:
        """The tab the picture was made on, with what it began with as far as that is still there."""
        if task == "text_to_image":
            return self._start_with(task, None)
        owner = self._studio.owner(request.cookies)
        parent, kept = self._studio.library.source_of(owner, picture.id), self._studio.library.inputs(owner, picture.id)
        if "image" not in kept and parent is None:
            say("The picture this one was made from is not in the library; give it again.", friendly=True)
            return self._start_with(task, None)
        file: Path | bytes | None = None if parent is None else parent.path or parent.image
        if "image" in kept:
            file = encode_png(kept["image"])
        shown = show_source(self._studio, file, "#ffffff", self._cache)
        painted = as_painted(kept["mask_image"]) if task == "inpaint" and len(kept) == len(FIELDS) else None
        if painted:
            shown[2] = {**shown[2], "value": painted}
        elif task == "inpaint":
            say("Brush the mask again; this picture is from before masks were kept.", friendly=True)
        return [gr.update(selected=task), task, *shown, parent.id if parent else ""]


def wire_refining(studio: Studio, panel: Panel, easel: gr.HTML, results: gr.HTML, original: gr.Textbox) -> None:
    """Connects the pictures' own buttons."""
    fields, refining = panel.fields, Refining(studio, panel, easel, original)
    outputs = [*refining.form, *refining.places]
    results.reuse(refining.reuse, outputs=outputs, trigger_mode="multiple", **SPEAKING).then(
        None, fields["task"], js="(task) => { reverie.task(task); }", **PRIVATE
    )
    count = fields["num_images_per_prompt"]
    results.branch(refining.branch, outputs=[*outputs, count], trigger_mode="multiple", **SPEAKING).then(
        None, fields["task"], js="(task) => { reverie.branching(task); }", **PRIVATE
    )
    fields["branch"].change(None, fields["branch"], panel.branch_chip, js="(branch) => branch", **PRIVATE)
    panel.branch_chip.free(None, outputs=fields["branch"], js="() => ''", **PRIVATE)
    fields["seed"].change(None, fields["seed"], panel.seed_chip, js="(seed) => seed", **PRIVATE)
    panel.seed_chip.free(None, outputs=fields["seed"], js="() => ''", **PRIVATE)
    sent = [fields["prompt"], fields["branch"], *refining.places]
    results.send(refining.send, fields["prompt"], sent, trigger_mode="multiple", **SPEAKING).then(
        None, fields["task"], js="(task) => { reverie.showTask(task); }", **PRIVATE
    )
