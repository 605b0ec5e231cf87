"""From the click to the first preview, in a real browser on a running studio whose model is warm."""

from __future__ import annotations

import contextlib
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks.figures import Figure, Result, Spread
from tests.benchmarks.pictures import PROMPTS
from tests.chromium import ARGUMENTS, find_chromium
from tests.studio import start_studio

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BAR_MILLISECONDS: Final = 150.0
PATIENCE: Final = 120_000
"""Milliseconds that a picture may take before the measurement is given up."""

PREVIEW_SUFFIXES: Final = (".jpg", ".jpeg", ".webp")

WATCH: Final = """
window.clicks = [];
const newest = () => document.querySelector('article.row[data-row]')?.dataset.row;
document.addEventListener('click', (event) => {
  if (event.target.closest('#dream'))
    window.clicks.push({clicked: performance.now(), previews: [], done: null, row: newest()});
}, true);
const seen = new Set();
new MutationObserver(() => {
  const click = window.clicks.at(-1);
  if (!click || click.done) return;
  const now = performance.now();
  for (const tile of document.querySelectorAll('.tile.forming')) {
    const src = tile.querySelector('img')?.src ?? '';
    if (!src.startsWith('data:image/jpeg') || seen.has(src)) continue;
    seen.add(src);
    const step = /Step (\\d+) of/.exec(tile.querySelector('figcaption')?.textContent ?? '');
    click.previews.push({at: now, step: step ? Number(step[1]) : 0});
  }
  if (newest() !== click.row && !document.querySelector('article.row.live')) click.done = now;
}).observe(document, {subtree: true, childList: true, attributes: true, attributeFilter: ['src']});
"""
"""Kept in the page, so that nothing but the page's own clock is asked."""


@dataclass(frozen=True)
class Settings:
    """How much is measured: clicks, clicks before that are not counted, and steps of each picture (None = default)."""

    clicks: int = 40
    warm_ups: int = 2
    steps: int | None = None


FULL, QUICK = Settings(), Settings(clicks=20)


def measure(settings: Settings) -> Result:
    """Starts ``launch.py`` and a Chromium, and clicks."""
    path = find_chromium()
    if path is None:
        return Result(skipped="no Chromium is installed")
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        temporary = folder / "temporary"
        temporary.mkdir()
        studio = start_studio(folder, TMPDIR=str(temporary), GRADIO_TEMP_DIR=str(temporary / "gradio"))
        try:
            with sync_playwright() as playwright, _page_of(playwright, path) as browser:
                result = measure_page(settings, browser, studio.url, temporary, studio.outputs)
        finally:
            studio.stop()
    return result


@contextlib.contextmanager
def _page_of(playwright: Any, path: str) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
    try:
        yield browser
    finally:
        browser.close()


def measure_page(settings: Settings, browser: Browser, url: str, temporary: Path, outputs: Path) -> Result:
    """Clicks on a studio that is running already.

    Args:
        settings: How often.
        browser: Opens the page, as a new visitor.
        url: The studio's address.
        temporary: Its folder for temporary files, where nothing may be left.
        outputs: Its library, where nothing may be left that looks like a preview.
    """
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
    context.set_default_timeout(PATIENCE)
    try:
        page = context.new_page()
        page.goto(url)
        page.wait_for_function("document.body.classList.contains('ready')")
        page.evaluate(WATCH)
        if settings.steps is not None:
            _set_steps(page, settings.steps)
        before = _files(temporary, outputs)
        clicks = [_click(page, number) for number in range(settings.warm_ups + settings.clicks)]
        stray = sorted(path.name for path in _files(temporary, outputs) - before)
    finally:
        context.close()
    return _result(clicks[settings.warm_ups :], stray)


def _click(page: Page, number: int) -> dict[str, Any]:
    """Dreams once and gives what the page noted."""
    page.locator("#prompt textarea").fill(f"{PROMPTS[number % len(PROMPTS)]} {number}")
    page.locator("#dream").click()
    page.wait_for_function("count => window.clicks.length === count && window.clicks.at(-1).done", arg=number + 1)
    noted: dict[str, Any] = page.evaluate("window.clicks.at(-1)")
    return noted


def _set_steps(page: Page, steps: int) -> None:
    head = page.locator("#advanced .label-wrap")
    if "open" not in (head.get_attribute("class") or ""):
        head.click()
    box = page.locator("#num_inference_steps input[type=number]")
    box.fill(str(steps))
    box.press("Tab")


def _files(temporary: Path, outputs: Path) -> set[Path]:
    left = {path for path in temporary.rglob("*") if path.is_file()}
    return left | {path for path in outputs.rglob("*") if path.suffix in PREVIEW_SUFFIXES}


def _result(clicks: list[dict[str, Any]], stray: list[str]) -> Result:
    rates = [
        rate for click in clicks if click["previews"] and (rate := step_milliseconds(click["previews"])) is not None
    ]
    step = statistics.median(rates) if rates else 0.0
    seen = [click for click in clicks if click["previews"]]
    if not seen:
        return Result(skipped="every picture was finished before a preview could be shown")
    waits = [click["previews"][0]["at"] - click["clicked"] for click in seen]
    beyond = [wait - step for wait in waits]
    spread = Spread.of(beyond)
    return Result(
        (
            Figure(
                "click to first preview, minus one step (p95)",
                percentile(beyond, 0.95),
                "ms",
                at_most=BAR_MILLISECONDS,
                spread=spread,
                note=f"{len(clicks)} clicks",
            ),
            Figure("files that previews left with the pictures", len(stray), at_most=0),
        ),
        {
            "click_to_first_preview_milliseconds": Spread.of(waits),
            "clicks_without_a_preview": len(clicks) - len(seen),
            "step_milliseconds": round(step, 2),
            "step_of_the_first_preview": Spread.of([click["previews"][0]["step"] for click in seen]),
            "previews_seen_per_picture": Spread.of([len(click["previews"]) for click in clicks]),
            "click_to_finished_milliseconds": Spread.of([click["done"] - click["clicked"] for click in clicks]),
            "stray": stray,
        },
    )


def step_milliseconds(previews: list[dict[str, float]]) -> float | None:
    """How long a step took, from the first and the last preview of a picture; None where there is only one."""
    first, last = previews[0], previews[-1]
    return (last["at"] - first["at"]) / (last["step"] - first["step"]) if last["step"] > first["step"] else None


def percentile(values: list[float], share: float) -> float:
    """The value that so large a share does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]
