"""What the tests share: no network, a tiny model, a Chromium, and Reverie itself running."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.chromium import ARGUMENTS, SENTENCE, find_chromium
from tests.dividing import FilesAndFewBrowsers
from tests.offline import shut_network
from tests.studio import Studio, start_studio

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline
    from playwright.sync_api import Browser, Page

PATIENCE = 60_000
"""Milliseconds that a browser waits for what it was told to expect, on a machine with other work."""


def pytest_configure(config: pytest.Config) -> None:
    """Nothing asks a hub or reports home, whoever starts pytest."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    # The tests and the studios they start share the cores: nobody spins, and a second thread is not worth waking for
    # networks this small (see pipelines/threads.py).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """A test that reaches beyond this machine fails."""
    with pytest.MonkeyPatch.context() as patch:
        shut_network(patch.setattr)
        yield


@pytest.fixture(scope="session")
def tiny_pipeline() -> StableDiffusionPipeline:
    """A real pipeline with random weights; treat its networks as read-only."""
    from tests.tiny_model import make_tiny_pipeline

    pipeline = make_tiny_pipeline()
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture(scope="session")
def tiny_model_dir(tiny_pipeline: StableDiffusionPipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny pipeline, saved in diffusers' layout; treat the folder as read-only."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny_pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A running Chromium; one for each test file, because it keeps an event loop open meanwhile."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE / 2)  # its own five seconds are short for a machine with other work
    path = find_chromium()
    if path is None:
        pytest.fail(SENTENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A fresh page of a fresh visitor, 1440 × 900."""
    # Without motion: what moves is drawn by the processor here, sixty times a second.
    size = {"width": 1440, "height": 900}
    context = chromium.new_context(viewport=size, locale="en-US", reduced_motion="reduce")
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def new_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Studio]]:
    """Starts ``launch.py`` with the flags given and waits for its page; the session's end stops them all."""
    studios: list[Studio] = []

    def start(*flags: str, **environment: str) -> Studio:
        studios.append(start_studio(tmp_path_factory.mktemp("studio"), *flags, **environment))
        return studios[-1]

    yield start
    for studio in studios:
        studio.kill()


@pytest.fixture(scope="session")
def running(new_studio: Callable[..., Studio]) -> Studio:
    """Reverie, running with the usual flags and folders of its own; the same one for every test."""
    return new_studio()


@pytest.fixture(scope="session")
def studio(running: Studio) -> str:
    """The address of the running Reverie."""
    return running.url


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--slow`` runs the long forms too, of which each has a short one in the default run."""
    parser.addoption("--slow", action="store_true", help="run the tests marked slow as well")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where several processes share the tests."""
    return FilesAndFewBrowsers(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[Any]) -> None:
    """Leaves slow tests out unless asked for; what drives a browser is marked so and runs last, or, where processes
    share the tests, first: it takes longest.
    """
    slow = [item for item in items if item.get_closest_marker("slow") and not config.getoption("--slow")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]
    for item in items:
        if {"page", "chromium"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("browser")
    shared = hasattr(config, "workerinput")
    items.sort(key=lambda item: (item.get_closest_marker("browser") is not None) != shared)
