"""The Models tab and the model menu: what they tell, and what choosing a model does to the form."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from pipelines.errors import Cancelled, ModelError
from pipelines.manager import PipelineManager
from pipelines.models import ModelInfo
from tests.studio import Studio as Running
from tests.test_page import dream, open_advanced, open_page, set_number
from tests.tiny_model import make_tiny_pipeline
from webui.fetching import MOST_AT_ONCE, Fetching
from webui.form import model_values
from webui.jobs import JobQueue
from webui.library.store import Library
from webui.model_menu import SETTINGS, lacking_notes, settings_for
from webui.models_told import models_told, size_words
from webui.studio import Studio

PATIENCE = 60.0
NARROW = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that works, one that only repaints, and two that nobody can use."""
    folder = tmp_path_factory.mktemp("models")
    make_tiny_pipeline().save_pretrained(folder / "works", safe_serialization=True)
    make_tiny_pipeline(1).save_pretrained(folder / "repaints", safe_serialization=True)
    config = folder / "repaints" / "unet" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text("utf-8")), "in_channels": 9}), "utf-8")
    (folder / "cut off.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    (folder / "old.ckpt").write_bytes(b"\x80\x02.")
    return folder


@pytest.fixture
def studio(folder: Path, tmp_path: Path) -> Iterator[Studio]:
    manager = PipelineManager([folder], device="cpu", previews=False, hub=None)
    queue = JobQueue(manager, lambda *_: None)  # type: ignore[arg-type,return-value]
    library = Library(tmp_path)
    yield Studio(manager=manager, queue=queue, library=library, shared=False, styles={}, examples=())
    queue.close()
    library.close()
    manager.close()


def at(told: dict[str, Any], model: str) -> dict[str, Any]:
    return next(one for one in [*told["models"], *told["refused"]] if one["id"] == model)


# ---- what is told


def test_every_model_is_told_with_its_tasks_and_what_is_wrong_with_it(studio: Studio) -> None:
    told = models_told(studio)
    assert told["machine"] is None and told["host"] and not told["hub"]
    works, repaints = at(told, "works"), at(told, "repaints")
    assert works["tasks"] == ["Text to image", "Image to image", "Inpainting"] and works["lacks"] == []
    assert repaints["tasks"] == ["Inpainting"] and len(repaints["lacks"]) == 2
    assert works["size"].endswith("KB") and works["problem"] == "" and works["loaded"] is None
    problems = [one["problem"] for one in told["refused"]]
    assert len(problems) == 2 and all(len(problem) > 20 and problem.endswith(".") for problem in problems)
    assert json.dumps(told)


def test_what_is_loaded_and_how_it_is_run_is_told(studio: Studio) -> None:
    manager: Any = studio.manager
    manager._open().load(manager.catalogue.find("works"))
    told = models_told(studio)
    works = at(told, "works")
    assert works["loaded"]["loading"] is None and works["loaded"]["memory"].endswith("KB")
    assert works["plan"]["chosen"]["Precision"] == "fp32" and works["plan"]["reasons"]
    assert works["plan"]["fits"] and works["plan"]["chosen"]["Memory at most"].endswith("computed")
    assert told["machine"]["name"] == "CPU" and 0 < told["machine"]["share"] < 1
    assert at(told, "repaints")["plan"], "what is not loaded has a plan, too"


def test_a_shared_studio_tells_nobody_its_folders(studio: Studio, folder: Path) -> None:
    assert str(folder) in models_told(studio)["place"]
    shared = Studio(studio.manager, studio.queue, studio.library, True, {}, ())
    assert str(folder) not in json.dumps(models_told(shared))


@pytest.mark.parametrize(("size", "words"), [(0, ""), (999, ""), (2_100, "2 KB"), (7e6, "7 MB"), (2.13e9, "2.1 GB")])
def test_sizes_in_words(size: int, words: str) -> None:
    assert size_words(size) == words or (size == 999 and size_words(size) == "")


# ---- downloads


class Waiting:
    """A catalogue whose downloads wait to be told how they end."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Semaphore(0), threading.Event()

    def find(self, model: str) -> str:
        if model.startswith("no/"):
            raise ModelError(f"model is {model!r}, which is not on the Hub; look at how it is spelt.")
        return model

    def fetch(self, _info: str, progress: Callable[[float, str], None], stopped: Callable[[], bool]) -> None:
        progress(0.5, "half")
        self.begun.release()
        while not self.go.wait(0.01):
            if stopped():
                raise Cancelled("stopped")


def until(condition: Callable[[], bool]) -> None:
    for _ in range(int(PATIENCE * 100)):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not come about")


def test_downloads_tell_how_far_they_are_and_can_be_stopped() -> None:
    catalogue = Waiting()
    fetching = Fetching(catalogue)  # type: ignore[arg-type]
    for number in range(MOST_AT_ONCE):
        assert fetching.begin(f"owner/{number}") is None
        assert catalogue.begun.acquire(timeout=PATIENCE)
    assert fetching.begin("owner/0") is None, "it is under way already"
    assert "are being downloaded" in str(fetching.begin("owner/more"))
    assert [(one["id"], one["done"]) for one in fetching.told()] == [(f"owner/{n}", 0.5) for n in range(MOST_AT_ONCE)]
    fetching.stop("owner/1")
    until(lambda: len(fetching.told()) == MOST_AT_ONCE - 1)
    catalogue.go.set()
    until(lambda: not fetching.told())


def test_a_download_that_fails_says_so_until_it_is_put_away() -> None:
    fetching = Fetching(Waiting())  # type: ignore[arg-type]
    fetching.begin("no/thing")
    until(lambda: bool(fetching.told()[0]["error"]))
    assert "not on the Hub" in fetching.told()[0]["error"]
    fetching.stop("no/thing")
    assert not fetching.told()


# ---- the menu


def given(studio: Studio, model: str, **own: Any) -> dict[str, Any]:
    return {**model_values(studio, model), **own}


def test_a_model_brings_the_settings_that_suit_it(studio: Studio) -> None:
    values, note = settings_for(studio, "works", "starter", given(studio, "starter"))
    assert values == {name: model_values(studio, "works")[name] for name in SETTINGS}
    assert "Suits works: 25 steps" in note and "64 × 64" in note and "Kept" not in note


def test_what_a_person_has_set_is_kept_and_said(studio: Studio) -> None:
    values, note = settings_for(studio, "works", "starter", given(studio, "starter", num_inference_steps=33.0))
    assert values["num_inference_steps"] == 33 and values["guidance_scale"] == 7
    assert "Kept as you set it: generation steps." in note
    own = given(studio, "starter", sampler="DDIM", schedule="DDIM")
    values, note = settings_for(studio, "works", "starter", own)
    assert (values["sampler"], values["schedule"]) == ("DDIM", "DDIM") and "sampler" in note


def test_a_model_chosen_a_second_time_keeps_nothing_that_nobody_set(studio: Studio) -> None:
    """A menu that is opened and closed tells its value again, and the page the model that was there before it."""
    untouched = given(studio, "works")
    values, note = settings_for(studio, "works", "starter", untouched)
    assert values == {name: untouched[name] for name in SETTINGS} and "Kept" not in note
    own = given(studio, "works", guidance_scale=9.0)
    values, note = settings_for(studio, "works", "starter", own)
    assert values["guidance_scale"] == 9 and "Kept as you set it: prompt strength." in note


def test_without_a_model_before_the_first_one_counts(studio: Studio) -> None:
    values, _ = settings_for(studio, "works", "", given(studio, "starter"))
    assert values["num_inference_steps"] == 25


def test_a_sampler_that_the_model_cannot_draw_with_is_not_kept(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    catalogue: Any = studio.manager.catalogue  # type: ignore[attr-defined]
    usual = catalogue.family

    def family(info: ModelInfo) -> Any:
        return replace(usual(info), samplers=("Euler",)) if info.id == "works" else usual(info)

    monkeypatch.setattr(catalogue, "family", family)
    own = given(studio, "starter", sampler="DDIM", schedule="DDIM", num_inference_steps=40)
    values, note = settings_for(studio, "works", "starter", own)
    assert values["sampler"] != "DDIM" and values["num_inference_steps"] == 40
    assert "generation steps" in note and "sampler" not in note


def test_a_task_that_a_model_lacks_is_said_on_its_tab(studio: Studio) -> None:
    note = lacking_notes(studio, "repaints")
    assert note.count("<p") == 2 and 'data-lacks="inpaint"' not in note
    assert "repaints cannot do text to image, only inpainting" in note
    assert lacking_notes(studio, "works") == ""


# ---- on the page


@pytest.fixture(scope="module")
def running_here(new_studio: Callable[..., Running], folder: Path) -> Running:
    return new_studio("--models-dir", str(folder))


def post(url: str, path: str, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    asked = urllib.request.Request(f"{url}{path}", data=json.dumps(body).encode(), headers=headers, method="POST")
    try:
        with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        text = error.read().decode()
        return error.code, json.loads(text) if text.startswith("{") else {"notice": text}


@pytest.mark.browser
def test_the_room_shows_models_and_unloads_one(page: Page, running_here: Running) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    open_page(page, running_here.url)
    open_advanced(page)
    set_number(page, "num_inference_steps", 3)
    page.locator("#model input").click()
    page.get_by_role("option", name="works").click()
    expect(page.locator("#model-note")).to_contain_text("Kept as you set it: generation steps.")
    assert page.get_by_role("option", name="old").count() == 0
    dream(page, "a boat", count=1)

    page.get_by_role("button", name="Models", exact=True).click()
    works = page.locator('.model[data-model="works"]')
    expect(works.locator(".state")).to_contain_text("In memory")
    expect(page.locator("#studio")).to_be_hidden()
    expect(page.locator(".model.refused")).to_have_count(2)
    works.locator("summary").click()
    expect(works.locator("dl")).to_contain_text("fp32")
    works.get_by_role("button", name="Unload").click()
    expect(works.locator(".state")).to_have_count(0)
    page.get_by_role("button", name="Look again").click()
    page.get_by_role("button", name="Dream", exact=True).first.click()
    expect(page.locator("#studio")).to_be_visible()
    assert not errors


@pytest.mark.browser
def test_a_tab_says_what_the_model_cannot_do(page: Page, running_here: Running) -> None:
    open_page(page, running_here.url)
    open_advanced(page)
    page.locator("#model input").click()
    page.get_by_role("option", name="repaints").click()
    expect(page.locator("#task-note p:visible")).to_contain_text("repaints cannot do text to image")
    page.get_by_role("tab", name="Inpainting").click()
    expect(page.locator("#task-note p:visible")).to_have_count(0)


@pytest.mark.browser
def test_the_room_fits_a_phone(page: Page, running_here: Running) -> None:
    page.set_viewport_size(NARROW)
    open_page(page, running_here.url)
    page.get_by_role("button", name="Models", exact=True).click()
    expect(page.locator('.model[data-model="works"]')).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]


@pytest.mark.browser
def test_only_our_page_changes_anything(running_here: Running) -> None:
    url = running_here.url.rstrip("/")
    assert post(url, "/reverie/models/unload", {"id": "works"})[0] == 403
    ours = {"x-reverie": "1"}
    assert post(url, "/reverie/models/unload", {"id": "nothing"}, **ours)[0] == 200, "what is not there is gone"
    assert post(url, "/reverie/models/fetch", {"id": ""}, **ours) == (
        409,
        {"notice": "Give a Hub id, such as owner/name."},
    )
    assert post(url, "/reverie/models/stop", ["?"], **ours)[0] == 200
