"""The page itself: how soon it is there, how much of it is ours, and how it answers keys while eight pictures form."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks.figures import Figure, Result, Spread
from tests.benchmarks.first_preview import percentile
from tests.chromium import ARGUMENTS, find_chromium
from tests.studio import start_studio
from webui.languages import HERE, language_names
from webui.theme import head

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LOAD_BAR: Final = 2.0
"""Seconds on the loopback, once the server is up."""

ASSETS_BAR: Final = 1.5
"""Megabytes of our own."""

DELAY_BAR: Final = 100.0
"""Milliseconds."""

WORDS: Final = "a lighthouse on a cliff in a storm, painted in oil, with warm light in its windows "
PATIENCE: Final = 120_000
READY: Final = "document.body.matches('.restored') && document.querySelector('.results[data-loaded]')"
WATCH: Final = """
window.delays = [];
window.addEventListener('keydown', (event) => {
  const delay = performance.now() - event.timeStamp;
  requestAnimationFrame(() => setTimeout(() => window.delays.push([delay, performance.now() - event.timeStamp])));
}, true);
"""
"""From the key to the first script that hears of it, and to the next picture on the screen."""


@dataclass(frozen=True)
class Settings:
    """How much is measured: loads by new visitors, keys, and the pictures that form meanwhile."""

    loads: int = 10
    keys: int = 200
    pictures: int = 8
    steps: int = 150


FULL, QUICK = Settings(), Settings(loads=4, keys=60)


def measure(settings: Settings) -> Result:
    """Starts ``launch.py`` and a Chromium, opens the page, and types."""
    path = find_chromium()
    if path is None:
        return Result(skipped="no Chromium is installed")
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        studio = start_studio(Path(name))
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            return measure_page(settings, browser, studio.url)
        finally:
            browser.close()
            studio.stop()


def measure_page(settings: Settings, browser: Browser, url: str) -> Result:
    """Opens and types on a studio that is running already."""
    visit(browser, url)[0].context.close()  # the first visitor of all waits for what the server reads once
    loads = []
    for _ in range(settings.loads):
        page, seconds = visit(browser, url)
        loads.append(seconds)
        page.context.close()
    delays = typed(settings, visit(browser, url)[0])
    ours = len(head().encode()) + max((HERE / f"{code}.json").stat().st_size for code in language_names())
    answered, painted = ([both[place] for both in delays] for place in (0, 1))
    return Result(
        (
            Figure("first load by a new visitor (median)", Spread.of(loads).median, "s", at_most=LOAD_BAR,
                   spread=Spread.of(loads), note=f"{len(loads)} visitors"),
            Figure("styles, scripts and the longest language", ours / 1e6, "MB", at_most=ASSETS_BAR,
                   note="before compression"),
            Figure(f"key to its handler, {settings.pictures} pictures forming (p95)", percentile(answered, 0.95), "ms",
                   at_most=DELAY_BAR, spread=Spread.of(answered), note=f"{len(answered)} keys"),
        ),
        {"key_to_next_frame_milliseconds_p95": round(percentile(painted, 0.95), 1),
         "key_to_next_frame_milliseconds": Spread.of(painted)},
    )  # fmt: skip


def visit(browser: Browser, url: str) -> tuple[Page, float]:
    """A new visitor's page, ready to be used, and the seconds that took by its own clock."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(url)
    seconds: float = page.evaluate(
        "() => new Promise((done) => { const look = () => "
        f"{READY} ? done(performance.now() / 1000) : requestAnimationFrame(look); look(); }})"
    )
    return page, seconds


def typed(settings: Settings, page: Page) -> list[tuple[float, float]]:
    """Milliseconds from each key to its handler and to the next frame, while pictures form."""
    page.wait_for_function("document.body.matches('.ready')")
    page.locator("#advanced > .label-wrap").click()
    for name, value in (("num_inference_steps", settings.steps), ("num_images_per_prompt", settings.pictures)):
        box = page.locator(f"#{name} input[type=number]")
        box.fill(str(value))
        box.press("Tab")
    prompt = page.locator("#prompt textarea")
    prompt.fill("a red circle on a blue background")
    page.locator("#dream").click()
    forming = f"document.querySelectorAll('article.row.live .tile img:not([hidden])').length === {settings.pictures}"
    page.wait_for_function(forming)
    page.evaluate(WATCH)
    prompt.focus()
    noted: list[Any] = []
    for key in (WORDS * (settings.keys // len(WORDS) + 1))[: settings.keys]:
        if not page.evaluate(forming):
            break
        page.keyboard.press(key if key != " " else "Space")
    page.wait_for_timeout(200)
    noted = page.evaluate("window.delays")
    page.context.close()
    return [(delay, painted) for delay, painted in noted]
