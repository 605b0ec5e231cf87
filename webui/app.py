"""The page, put together: ``build_app`` lays it out and wires it, ``launch_options`` says how it is served."""

from __future__ import annotations

import json
import logging
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import gradio as gr
from starlette.middleware import Middleware

from pipelines.images import limit_decoding
from pipelines.preset import load_styles
from pipelines.samplers import schedule_choices

from .dreaming import PRIVATE, wire_dreaming
from .endpoints import add_endpoints
from .enlarging import wire_enlarging
from .examples import load_examples
from .extras_rows import wire_extras
from .fetching import Fetching
from .field_list import fields_script
from .flags import AT_ONCE
from .form import REMEMBERED
from .grid_rows import wire_grid
from .growing import wire_growing
from .hosts import ThisMachineOnly
from .inspiring import wire_inspiring
from .jobs import JobQueue
from .journal import Journal
from .library.prove import machine_of
from .library.store import Library
from .listening import Listening
from .memory import form_memory, gather_script, recall, recall_picture
from .model_menu import SETTINGS, lacking_notes, settings_for
from .own_styles import AllStyles
from .owners import OwnerCookie
from .panel import Panel, lay_out_panel
from .picture_info_events import wire_picture_info
from .prompt_line import wire_prompt_line
from .refining import wire_refining
from .replay_routes import wire_replaying
from .routes import page_routes
from .saying import say
from .sizes import size_problems, stops
from .source_events import show_source, source_places, wire_source
from .stage import lay_out_easel, lay_out_results
from .studio import Studio
from .style_rows import wire_styles
from .tabs.models import lay_out_models
from .tabs.settings import lay_out_settings
from .theme import HERE, head, make_theme
from .topbar import lay_out_topbar
from .varying import wire_variations
from .wishes import wire_wishes

if TYPE_CHECKING:
    from pipelines.events import ImageFinished

    from .backend import Backend
    from .job import Job
    from .library.picture import SavedPicture

log = logging.getLogger(__name__)

DAY: Final = 24 * 3600

UNREADABLE: Final = (
    "The inputs cannot be read; give every field its value, and a picture as an uploaded file "
    "(in Python: gradio_client.handle_file)."
)


class Page(gr.Blocks):
    """The page's Blocks, which know their studio, so that routes find it through the app that serves them."""

    studio: Studio

    def hurry_less(self) -> None:
        """Lets Gradio's queue look for work 100 times a second; its usual 1000 take a tenth of a core for nothing."""
        self._queue.sleep_when_free = 0.01
        self._queue.progress_update_sleep_when_free = 0.25

    async def preprocess_data(self, *args: Any, **kwargs: Any) -> Any:
        """Answers in a sentence where Gradio would with a traceback: inputs that are not what was announced."""
        try:
            return await super().preprocess_data(*args, **kwargs)
        except gr.Error as error:  # a number that is just being typed, 1000 of at most 10, is nothing for the terminal
            error.print_exception = False
            raise
        except Exception as error:  # noqa: BLE001 - whatever Gradio or pydantic stumbled over
            log.info("Inputs were refused: %s", error)
            raise gr.Error(UNREADABLE, print_exception=False) from None

    def close(self, verbose: bool = True) -> None:
        """Stops the server, then everybody's jobs."""
        super().close(verbose)
        self.studio.series.close()
        self.studio.queue.close()
        self.studio.library.close()


def build_app(manager: Backend, outputs_dir: Path, shared: bool, *, at_once: int = AT_ONCE) -> Page:
    """Builds the page; jobs that an earlier studio left unmade begin with ``page.studio.queue.start()``.

    Args:
        manager: Makes the pictures.
        outputs_dir: Where finished pictures are kept.
        shared: Whether others than the people at this machine reach the page; each browser is then an owner.
        at_once: Most jobs being made at the same time.
    """
    limit_decoding()  # for whatever Gradio opens by itself
    library = Library(outputs_dir)
    catalogue = getattr(manager, "catalogue", None)
    if catalogue is not None:
        catalogue.hashes = library.weights  # one place remembers them, beside the pictures that name them
        catalogue.keep_in(library.folder / ".library" / "models.json")
        catalogue.look_behind()  # the page shows what is known of LoRAs by the time it is opened

    def keep(job: Job, event: ImageFinished) -> SavedPicture:
        model = studio.model(job.request.model)
        number = job.picture_id(event.index)
        origin = job.origin._asdict()
        saved = library.keep(
            job.owner, job.request, event, model=model, machine=machine_of(manager), picture_id=number, **origin
        )
        studio.strips.keep(saved.id, job.strip(event.index))
        return saved

    journal = Journal(library.folder / ".library" / "jobs.sqlite3")
    queue = JobQueue(
        manager,
        keep,
        workers=at_once,
        journal=journal,
        find=library.get,
        owner_key=library.owner_key,
        started=False,  # the page comes up before the first step, and before torch is imported
    )
    styles, problems = load_styles()
    studio = Studio(
        manager=manager,
        queue=queue,
        library=library,
        shared=shared,
        styles=AllStyles(
            {style.id: style for style in styles},
            library.folder / ".library" / "styles",
            library.owner_key,
            shared=shared,
        ),
        examples=load_examples(),
        fetching=Fetching(catalogue) if catalogue is not None and catalogue.has_hub else None,
        problems=(*map(str, problems), *size_problems()),
    )
    for notice in studio.notices:
        log.warning(notice)
    page = Page(title="Reverie", fill_width=True, analytics_enabled=False, delete_cache=(DAY, 2 * DAY))
    page.studio = studio
    with page:
        lay_out_topbar()
        with gr.Row(elem_id="studio"):
            with gr.Column(elem_id="panel", scale=0):
                panel = lay_out_panel(studio)
            with gr.Column(elem_id="stage"):
                easel = lay_out_easel()
                results = lay_out_results(studio)
        lay_out_models()
        lay_out_settings()
        _wire(studio, page, panel, easel, results)
    return page


def _wire(studio: Studio, page: Page, panel: Panel, easel: gr.HTML, results: gr.HTML) -> None:
    """Connects what was laid out; what everybody listens to comes last."""
    original = gr.Textbox("", visible="hidden", show_label=False, elem_id="kept-original")  # see source.kept_file
    listening = Listening()
    wire_dreaming(studio, panel, easel, results)
    wire_wishes(studio, panel, results)
    wire_grid(studio, panel.grid, panel.fields, listening)
    wire_enlarging(studio, results)
    wire_replaying(studio, results)
    wire_source(studio, panel, easel, original)
    wire_growing(studio, panel, easel, original)
    wire_refining(studio, panel, easel, results, original)
    wire_variations(studio, panel, results)
    wire_picture_info(studio, panel, easel, original)
    wire_inspiring(studio, panel, results)
    wire_prompt_line(studio, panel.fields, panel.prompt_line, listening)
    wire_styles(studio, page, panel.styles, panel.fields["prompt"], panel.fields["negative_prompt"])
    _wire_tabs(panel)
    _wire_choices(studio, panel)
    wire_extras(studio, page, panel.extras, panel.fields["model"])
    _wire_memory(page, panel, easel, original, listening)
    listening.begin()
    add_endpoints(studio)


def launch_options(shared: bool, *, guarded: bool = True) -> dict[str, Any]:
    """What ``launch`` needs besides the address.

    Args:
        shared: As for :func:`build_app`.
        guarded: Whether one must log in, or the place itself sees to who comes; else only this machine is answered.
    """
    framed = bool(os.environ.get("SPACE_ID"))  # a Space is shown inside huggingface.co's own page
    middleware = [Middleware(OwnerCookie, framed=framed)] if shared else []
    if not (shared or guarded):
        middleware.append(Middleware(ThisMachineOnly))
    return {
        "theme": make_theme(),
        "head": f"{head()}<script>{fields_script()}</script>",
        "favicon_path": str(HERE / "favicon.svg"),
        "footer_links": [],
        "run_history": False,
        "ssr_mode": False,
        "pwa": False,
        "max_file_size": "20mb",
        "app_kwargs": {"middleware": middleware, "routes": page_routes(), "docs_url": None, "redoc_url": None},
    }


def _wire_tabs(panel: Panel) -> None:
    """A tab only changes what is shown, so the browser does it alone."""
    for task, tab in panel.tab_items.items():
        tab.select(None, outputs=panel.fields["task"], js=f"() => reverie.task('{task}')", **PRIVATE)


def _wire_choices(studio: Studio, panel: Panel) -> None:
    """Another model brings its own settings and sizes, another sampler its own schedules."""
    fields = panel.fields

    def choose_model(model_id: str, before: str, *given: Any) -> list[Any]:
        values, note = settings_for(studio, model_id, before, dict(zip(SETTINGS, given, strict=True)))
        updates = [gr.update(value=values[name]) for name in SETTINGS[:3]]
        updates.append(gr.update(choices=schedule_choices(values["sampler"]), value=values["schedule"]))
        return [*updates, *_stops(studio, model_id), note]

    def choose_sampler(sampler: str) -> Any:
        choices = schedule_choices(sampler)
        return gr.update(choices=choices, value=choices[0][1])

    own = [fields[name] for name in SETTINGS]
    outputs = [*own, fields["size"], fields["picture_size"], panel.model_note]
    told = [fields["model"], panel.model_before, *own]
    before = "(model, _before, ...given) => [model, reverie.modelBefore(model), ...given]"
    fields["model"].input(choose_model, told, outputs, js=before, queue=False, **PRIVATE)
    lacking = partial(lacking_notes, studio)
    fields["model"].change(
        lacking, fields["model"], panel.task_note, js="(model) => { reverie.modelBefore(model); return model; }",
        queue=False, **PRIVATE,
    )  # fmt: skip
    fields["sampler"].input(choose_sampler, fields["sampler"], fields["schedule"], queue=False, **PRIVATE)


def _stops(studio: Studio, model_id: object) -> list[Any]:
    told = json.dumps(stops(studio.model(model_id)))
    return [gr.update(stops=told), gr.update(stops=told)]


def _wire_memory(page: Page, panel: Panel, easel: gr.HTML, original: gr.Textbox, listening: Listening) -> None:
    """Every change is remembered by the browser, and brought back when the page is opened again."""
    fields = [panel.fields[name] for name in REMEMBERED]
    source, memory = panel.fields["source"], form_memory()

    def restore(remembered: Any) -> list[Any]:
        for notice in () if page.studio.shared else page.studio.notices:
            say(notice)
        if not remembered:  # somebody may be typing already
            return [gr.skip()] * (2 + len(REMEMBERED))
        values = recall(page.studio, remembered)
        updates = {name: gr.update(value=values[name]) for name in REMEMBERED}
        updates["schedule"] = gr.update(choices=schedule_choices(values["sampler"]), value=values["schedule"])
        size, picture_size = _stops(page.studio, values["model"])
        updates["size"] = {**size, "value": values["size"]}
        updates["picture_size"] = {**picture_size, "value": values["picture_size"]}
        opened = gr.update(open=bool(values["negative_prompt"]))
        return [gr.update(selected=values["task"]), opened, *(updates[name] for name in REMEMBERED)]

    def restore_picture(remembered: Any) -> list[Any]:
        kept = recall_picture(remembered, source.GRADIO_CACHE)
        return show_source(page.studio, kept, "#ffffff", source.GRADIO_CACHE) if kept else [gr.skip()] * 5

    page.load(restore_picture, memory, source_places(panel, easel, original), queue=False, **PRIVATE)
    restored = page.load(restore, memory, [panel.tabs, panel.negative_section, *fields], queue=False, **PRIVATE)
    restored.then(None, panel.fields["task"], js="(task) => { reverie.restored(task); }", **PRIVATE)
    told = [*fields, source]
    listening.when_changed("remembering", told, None, told, memory, js=gather_script(), pause=250)
