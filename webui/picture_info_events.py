"""What happens on the Picture info tab: what is given is read and shown, and goes where it is wished."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import gradio as gr
from PIL import Image

from pipelines.errors import InvalidRequest, ReverieError
from pipelines.images import FORMATS, check_pixels, cover, too_large

from .dreaming import PRIVATE, SPEAKING
from .filling import FILLED, form_updates
from .library.embed import read_stamp
from .library.foreign import ForeignRecipe, RecipeError, read_foreign, read_text
from .library.foreign_extras import installed_of
from .masks import brushed_mask
from .picture_info import TAB
from .picture_info_form import filled_sentence, form_values
from .picture_info_table import heading, table, trouble
from .proving import Proofs, busy
from .saying import say
from .source import read_source
from .source_events import show_source, source_places
from .tabs import image_to_image
from .wording import page_words

if TYPE_CHECKING:
    from .panel import Panel
    from .studio import Studio

EMPTY: Final = "There is no text yet; paste one, or drop a picture above."
GONE: Final = "There is nothing to take it from any more; give the picture or the text again."
UNREADABLE: Final = "The file is no picture that can be read; give one in PNG, JPEG, WebP or AVIF."


def wire_picture_info(studio: Studio, panel: Panel, easel: gr.HTML, original: gr.Textbox) -> None:
    """Connects the tab; nothing that is given on it goes into the library or the queue."""
    proofs = Proofs(studio.manager, studio.library.weights)
    panel.info.tab.select(None, js=f"() => {{ reverie.task('{TAB}'); }}", **PRIVATE)
    _wire_looking(studio, panel, proofs)
    _wire_filling(studio, panel)
    _wire_starting(studio, panel, easel, original)
    _wire_proving(studio, panel, easel, proofs)


def look(studio: Studio, path: str | None, text: str) -> ForeignRecipe:
    """Reads what is on the tab: the picture where there is one, else the text.

    Raises:
        RecipeError: There is neither, or it cannot be read, or is too large.
    """
    models, weights, installed = list(studio.models.values()), studio.library.weights, installed_of(studio.manager)
    if path:
        return read_foreign(path, models, weights, installed)
    if not text.strip():
        raise RecipeError(EMPTY)
    return read_text(text, models, weights, installed)


def measure(path: str) -> tuple[int, int]:
    """Width and height of a picture, of which no pixel is decoded.

    Raises:
        InvalidRequest: It has more pixels than the studio takes in.
        RecipeError: It is no picture.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            check_pixels(image)
            return image.size
    except Image.DecompressionBombError as error:
        raise InvalidRequest("image", too_large("image", "too many pixels")) from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise RecipeError(UNREADABLE) from error


def _wire_looking(studio: Studio, panel: Panel, proofs: Proofs) -> None:
    info = panel.info
    outputs = [info.picture, info.heading, info.proof, info.table]

    def arrive(path: str | None, request: gr.Request) -> list[Any]:
        proofs.stop(str(request.session_hash))
        try:
            found, size = look(studio, path, ""), measure(str(path))
        except ReverieError as error:
            return [None, trouble(page_words(error)), "", ""]
        return [gr.skip(), heading(found, size), "", table(studio, found)]

    def read(text: str, request: gr.Request) -> list[Any]:
        proofs.stop(str(request.session_hash))
        try:
            found = look(studio, None, text)
        except RecipeError as error:
            return [None, trouble(str(error)), "", ""]
        return [None, heading(found, None), "", table(studio, found)]

    def take_away(request: gr.Request) -> list[str]:
        proofs.stop(str(request.session_hash))
        return ["", "", ""]

    info.picture.upload(arrive, info.picture, outputs, **SPEAKING)
    info.picture.clear(take_away, outputs=outputs[1:], queue=False, **PRIVATE)
    info.read.click(read, info.text, outputs, **SPEAKING)


def _wire_filling(studio: Studio, panel: Panel) -> None:
    info, fields = panel.info, panel.fields

    def fill(path: str | None, text: str, task: str, style: str, *, prompt_only: bool) -> list[Any]:
        """Updates for the tabs, the task, the negative prompt's accordion, and the form."""
        try:
            found = look(studio, path, text)
        except RecipeError:
            say(GONE)
            return [gr.skip()] * (3 + len(FILLED))
        values = form_values(studio, found, prompt_only=prompt_only)
        say(filled_sentence(found, values, style, prompt_only=prompt_only), friendly=True)
        opened = gr.update(open=True) if values.get("negative_prompt") else gr.skip()
        chosen = task if prompt_only else found.task
        return [gr.update(selected=chosen), chosen, opened, *form_updates(studio, values)]

    def use(path: str | None, text: str, task: str, style: str) -> list[Any]:
        return fill(path, text, task, style, prompt_only=False)

    def use_prompt(path: str | None, text: str, task: str, style: str) -> list[Any]:
        return fill(path, text, task, style, prompt_only=True)

    given = [info.picture, info.text, fields["task"], fields["style"]]
    form = [panel.tabs, fields["task"], panel.negative_section, *(fields[name] for name in FILLED)]
    for button, handler in ((info.use, use), (info.use_prompt, use_prompt)):
        _then_show(panel, button.click(handler, given, form, **SPEAKING))


def _wire_starting(studio: Studio, panel: Panel, easel: gr.HTML, original: gr.Textbox) -> None:
    fields, task = panel.fields, image_to_image.TASK

    def start(path: str | None, model: str, request: gr.Request) -> list[Any]:
        try:
            shown = show_source(studio, path, "#ffffff", fields["source"].GRADIO_CACHE, model)
            stamp = read_stamp(path) if path else None
        except InvalidRequest as error:
            say(error)
            return [gr.skip()] * 8
        except RecipeError:
            stamp = None  # a damaged recipe makes the picture no worse to begin with
        parent = studio.library.get(studio.owner(request.cookies), stamp.id) if stamp else None
        return [gr.update(selected=task), task, *shown, parent.id if parent else ""]

    outputs = [panel.tabs, fields["task"], *source_places(panel, easel, original), fields["parent"]]
    _then_show(panel, panel.info.start.click(start, [panel.info.picture, fields["model"]], outputs, **SPEAKING))


def _then_show(panel: Panel, event: Any) -> None:
    event.then(None, panel.fields["task"], js="(task) => { reverie.showTask(task); }", **PRIVATE)


def _wire_proving(studio: Studio, panel: Panel, easel: gr.HTML, proofs: Proofs) -> None:
    info = panel.info

    def prove(path: str | None, source: str | None, mask: str, request: gr.Request) -> Iterator[str]:
        try:
            page, owner = str(request.session_hash), studio.owner(request.cookies)
            kept = _kept(studio, owner, path)
            image, mask_image = (kept[0], kept[1]) if any(kept) else _pictures(look(studio, path, ""), source, mask)
        except ReverieError as error:
            yield trouble(page_words(error))
            return
        yield from proofs.run(page, owner, str(path), image=image, mask_image=mask_image)

    # One after another, so that nobody's pictures wait for somebody else's proofs.
    given = [info.picture, panel.fields["source"], easel]
    info.prove.click(None, outputs=info.proof, js=f"() => `{busy()}`", **PRIVATE).then(
        prove, given, info.proof, concurrency_limit=1, **PRIVATE
    )


def _kept(studio: Studio, owner: str, path: str | None) -> tuple[Image.Image | None, Image.Image | None]:
    """What a picture of the visitor's own began with, where the library has the same picture."""
    stamp = read_stamp(path) if path else None
    if stamp is None or studio.library.recipe(owner, stamp.id) != stamp.recipe:
        return None, None
    kept = studio.library.inputs(owner, stamp.id)
    return kept.get("image"), kept.get("mask_image")


def _pictures(found: ForeignRecipe, source: str | None, mask: str) -> tuple[Image.Image | None, Image.Image | None]:
    """The picture to begin with and the mask as the form has them now, cut as their tab's own request would."""
    recipe = found.recipe
    if recipe is None or recipe.task == "text_to_image" or not source:
        return None, None
    image = read_source(source)
    if recipe.task == image_to_image.TASK:
        return image, None
    size = (recipe.width, recipe.height)
    return cover(image, size), cover(brushed_mask(mask, image.size), size) if mask else None
