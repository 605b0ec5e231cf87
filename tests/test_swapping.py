"""Models come and go while pictures are painted: each picture is its own model's, and memory comes back."""

from __future__ import annotations

import contextlib
import gc
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from pipelines.control import Control
from pipelines.errors import Cancelled, ModelError
from pipelines.events import GenerationEvent, ImageFinished, ModelLoading, StepCompleted
from pipelines.kept_models import Progress, Stopped
from pipelines.manager import PipelineManager
from pipelines.memory import free_memory
from pipelines.models import ModelInfo
from pipelines.plans import Wishes
from pipelines.request import TextToImageRequest
from tests.tiny_adapters import save_kohya_lora
from tests.tiny_model import make_tiny_pipeline
from tests.waiting import ended, until
from webui.jobs import JobQueue

NAMES = ("a", "b", "c")
PATIENCE = 120.0


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three models alike in shape, different in weights."""
    folder = tmp_path_factory.mktemp("three")
    for seed, name in enumerate(NAMES):
        make_tiny_pipeline(seed).save_pretrained(folder / name, safe_serialization=True)
    (folder / "Lora").mkdir()
    save_kohya_lora(make_tiny_pipeline(), folder / "Lora" / "worn.safetensors")
    return folder


@pytest.fixture(scope="module")
def references(models: Path) -> dict[Any, np.ndarray]:
    """The pictures of each model, painted where it is the only one."""
    found = {}
    for name in NAMES:
        with opened(models) as manager:
            found |= {(name, seed): picture(manager, name, seed) for seed in range(4)}
            found |= {(name, seed, "worn"): worn(manager, name, seed) for seed in range(2)}
    return found


@contextlib.contextmanager
def opened(models: Path, **wishes: Any) -> Iterator[PipelineManager]:
    manager = PipelineManager([models], device="cpu", previews=False, wishes=Wishes(**wishes), hub=None)
    try:
        yield manager
    finally:
        manager.close()


def request(name: str, seed: int = 0, **values: Any) -> TextToImageRequest:
    usual = {"prompt": "a red circle", "num_inference_steps": 3, "width": 64, "height": 64, "deterministic": True}
    return TextToImageRequest(model=name, seed=seed, **{**usual, **values})


def picture(manager: PipelineManager, name: str, seed: int = 0) -> np.ndarray:
    return finished(manager.generate(request(name, seed)))


def worn(manager: PipelineManager, name: str, seed: int = 0) -> np.ndarray:
    """The picture with a LoRA, which all three models can wear."""
    return finished(manager.generate(request(name, seed, loras=["worn:0.8"])))


def finished(events: Iterator[GenerationEvent]) -> np.ndarray:
    return next(np.asarray(event.image) for event in list(events) if isinstance(event, ImageFinished))


def kept(manager: PipelineManager) -> set[str]:
    return {state.id for state in manager.kept()}


def watched_loading(
    manager: PipelineManager, before: Callable[[ModelInfo, Progress, Stopped], None]
) -> Callable[[], None]:
    """Calls ``before`` ahead of each real loading of the manager's models."""
    models = manager._open().kept
    load = models._load

    def loading(info: ModelInfo, progress: Progress, stopped: Stopped) -> Any:
        before(info, progress, stopped)
        return load(info, progress, stopped)

    models._load = loading
    return lambda: setattr(models, "_load", load)


def resident() -> int:
    gc.collect()
    free_memory()
    return psutil.Process().memory_info().rss


# ---- one model for all who want it


def test_those_who_wait_for_one_model_have_it_loaded_once(models: Path, references: dict[Any, np.ndarray]) -> None:
    with opened(models) as manager, ThreadPoolExecutor(6) as threads:
        loaded: list[str] = []
        watched_loading(manager, lambda info, _progress, _stopped: loaded.append(info.id))
        made = list(threads.map(lambda seed: picture(manager, "a", seed % 4), range(6)))
    assert loaded == ["a"]
    for seed, found in enumerate(made):
        assert (found == references["a", seed % 4]).all()


def test_models_stay_as_long_as_memory_suffices(models: Path) -> None:
    with opened(models) as manager:
        for name in NAMES:
            picture(manager, name)
        assert kept(manager) == set(NAMES)
        assert [state.id for state in manager.kept()] == list(NAMES[::-1])
        assert all(state.bytes > 10_000 and state.lent == 0 for state in manager.kept())


def test_the_one_not_used_for_longest_goes_first(models: Path) -> None:
    with opened(models) as manager:
        size = manager._open().kept
        picture(manager, "a")
        each = manager.kept()[0].bytes
    with opened(models, models_memory=2.5 * each / 2**30) as manager:
        for name in ("a", "b", "a", "c"):
            picture(manager, name)
        assert kept(manager) == {"a", "c"}
        assert size.states()  # the closed manager's own are its own


def test_one_model_is_always_there(models: Path, references: dict[Any, np.ndarray]) -> None:
    with opened(models, models_memory=0) as manager:
        for name in ("a", "b", "a"):
            assert (picture(manager, name) == references[name, 0]).all()
            assert kept(manager) == {name}


def test_a_model_with_a_running_picture_is_never_dropped(models: Path, references: dict[Any, np.ndarray]) -> None:
    long = request("a", num_inference_steps=100)
    with opened(models, models_memory=0) as manager:
        alone = finished(manager.generate(long))
        control = Control()
        events = manager.generate(long, control=control)
        for event in events:
            if isinstance(event, StepCompleted):
                control.pause()
                break
        for name in ("b", "c"):
            assert (picture(manager, name) == references[name, 0]).all()
            assert kept(manager) == {"a"}, "the other made room as soon as it was idle"
        assert manager.kept()[0].lent == 1
        assert not manager.unload("a")
        control.resume()
        assert (finished(events) == alone).all()


def test_unloading_drops_it_for_good(models: Path, references: dict[Any, np.ndarray]) -> None:
    with opened(models) as manager:
        picture(manager, "a")
        assert manager.unload("a") and not kept(manager)
        assert manager.unload("a"), "what is not there is gone"
        assert (picture(manager, "a") == references["a", 0]).all()


def test_a_model_that_fails_to_load_fails_everybody_and_is_tried_again(models: Path) -> None:
    def fail(_info: ModelInfo, _progress: Progress, _stopped: Stopped) -> None:
        raise ModelError("model 'a' is damaged; copy its files again.")

    with opened(models) as manager, ThreadPoolExecutor(3) as threads:
        mend = watched_loading(manager, fail)
        waiting = [threads.submit(picture, manager, "a") for _ in range(3)]
        for one in waiting:
            with pytest.raises(ModelError, match="damaged"):
                one.result(PATIENCE)
        mend()
        assert picture(manager, "a").shape == (64, 64, 3)


# ---- loading tells how it goes, and can be cancelled


def test_loading_tells_how_it_goes(models: Path) -> None:
    with opened(models) as manager:
        told: list[ModelLoading] = []
        finished(manager.generate(request("a"), control=Control(told.append)))
        assert told and {event.model for event in told} == {"a"}
        assert [event.done for event in told] == sorted(event.done for event in told)
        told.clear()
        finished(manager.generate(request("a"), control=Control(told.append)))
        assert not told, "it was there"


def test_the_status_says_what_is_loaded(models: Path) -> None:
    said: list[str] = []
    with opened(models) as manager:

        def before(_info: ModelInfo, progress: Progress, _stopped: Stopped) -> None:
            progress(0.4, "Loading the U-Net of a…")
            said.append(manager.status())

        watched_loading(manager, before)
        picture(manager, "a")
        assert said == ["Loading a, 40%…"]
        assert not manager.status().startswith("Loading a")


def test_loading_ends_when_nobody_waits_for_it(models: Path) -> None:
    begun, over = threading.Event(), threading.Event()

    def wait_to_be_stopped(_info: ModelInfo, _progress: Progress, stopped: Stopped) -> None:
        begun.set()
        while not stopped():
            threading.Event().wait(0.01)
        over.set()
        raise Cancelled("Loading was stopped.")

    with opened(models) as manager, ThreadPoolExecutor(1) as threads:
        mend = watched_loading(manager, wait_to_be_stopped)
        control = Control()
        painting = threads.submit(lambda: list(manager.generate(request("a"), control=control)))
        assert begun.wait(PATIENCE)
        control.skip(0)
        with pytest.raises(Cancelled):
            painting.result(PATIENCE)
        assert over.wait(PATIENCE)
        mend()
        assert picture(manager, "a").shape == (64, 64, 3), "and it can be asked for again"


def test_loading_goes_on_while_somebody_else_waits(models: Path, references: dict[Any, np.ndarray]) -> None:
    begun, left = threading.Event(), threading.Event()
    stops: list[bool] = []

    def wait_for_one_to_leave(_info: ModelInfo, _progress: Progress, stopped: Stopped) -> None:
        begun.set()
        assert left.wait(PATIENCE)
        stops.append(stopped())

    with opened(models) as manager, ThreadPoolExecutor(2) as threads:
        watched_loading(manager, wait_for_one_to_leave)
        control = Control()
        leaving = threads.submit(lambda: list(manager.generate(request("a"), control=control)))
        assert begun.wait(PATIENCE)
        asked = threading.Event()
        staying = threads.submit(
            lambda: finished(manager.generate(request("a"), control=Control(lambda _event: asked.set())))
        )
        assert asked.wait(PATIENCE), "the second waits, too"
        control.skip(0)
        with pytest.raises(Cancelled):
            leaving.result(PATIENCE)
        left.set()
        assert (staying.result(PATIENCE) == references["a", 0]).all()
    assert stops == [False]


# ---- for a long time


@pytest.mark.parametrize("swaps", [3, pytest.param(50, marks=pytest.mark.slow)])
def test_swapping_back_and_forth_gives_the_memory_back(
    models: Path, references: dict[Any, np.ndarray], swaps: int
) -> None:
    """With one model's room, two threads want different ones all the time, so that every picture is a swap."""
    with opened(models, models_memory=0) as manager, ThreadPoolExecutor(2) as threads:
        loaded: list[str] = []
        watched_loading(manager, lambda info, _progress, _stopped: loaded.append(info.id))

        def swap(count: int, names: tuple[str, str]) -> None:
            for number in range(count):
                for name in names:
                    found = picture(manager, name, number % 4)
                    assert (found == references[name, number % 4]).all(), (number, name)

        def both(count: int) -> None:
            done = [threads.submit(swap, count, names) for names in (("a", "b"), ("b", "a"))]
            for one in done:
                one.result(PATIENCE * 5)

        both(2)
        manager.unload("a"), manager.unload("b")
        before, times = resident(), len(loaded)
        both(swaps)
        manager.unload("a"), manager.unload("b")
        assert len(loaded) - times >= swaps
        assert resident() < 1.02 * before


class Storm:
    """What four people at once may do to one manager, at random: generate, wear a LoRA, swap, cancel, unload."""

    def __init__(self, manager: PipelineManager, references: dict[Any, np.ndarray], seed: int) -> None:
        self._manager, self._references = manager, references
        self._chance = random.Random(seed)
        self.done: list[str] = []

    def act(self) -> None:
        action = self._chance.choice([self.generate, self.wear, self.swap, self.cancel, self.unload])
        action()
        self.done.append(action.__name__)

    def generate(self) -> None:
        name, seed = self._chance.choice(NAMES[:2]), self._chance.randrange(4)
        assert (picture(self._manager, name, seed) == self._references[name, seed]).all()

    def wear(self) -> None:
        name, seed = self._chance.choice(NAMES[:2]), self._chance.randrange(2)
        assert (worn(self._manager, name, seed) == self._references[name, seed, "worn"]).all()

    def swap(self) -> None:
        for name in self._chance.sample(NAMES, 3):
            seed = self._chance.randrange(4)
            assert (picture(self._manager, name, seed) == self._references[name, seed]).all()

    def cancel(self) -> None:
        """While it is loaded, or between two steps, or after the last."""
        control, last = Control(), self._chance.randrange(6)
        if last == 0:
            control.skip(0)
        with contextlib.suppress(Cancelled):
            for number, _ in enumerate(self._manager.generate(request(self._chance.choice(NAMES)), control=control)):
                if number == last:
                    break

    def unload(self) -> None:
        self._manager.unload(self._chance.choice(NAMES))


@pytest.mark.parametrize("count", [10, pytest.param(500, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def test_a_storm_of_swaps(models: Path, references: dict[Any, np.ndarray], count: int) -> None:
    with opened(models, models_memory=0) as manager, ThreadPoolExecutor(4) as threads:
        storms = [Storm(manager, references, seed) for seed in range(4)]
        running = [threads.submit(partial(_rage, storm, count)) for storm in storms]
        for one in running:
            one.result(1700)
        assert {name for storm in storms for name in storm.done} >= {"generate", "wear", "swap"}
        for name in NAMES:
            assert manager.unload(name), "nothing is lent any more"


def _rage(storm: Storm, count: int) -> None:
    for _ in range(count):
        storm.act()


def test_a_job_shows_how_its_model_is_loaded_and_stops_meanwhile(models: Path) -> None:
    """Through the studio's own queue, as a page sees it."""
    begun, over = threading.Event(), threading.Event()

    def load_half(_info: ModelInfo, progress: Progress, stopped: Stopped) -> None:
        progress(0.5, "Loading the U-Net of a…")
        begun.set()
        while not stopped():
            threading.Event().wait(0.01)
        over.set()
        raise Cancelled("Loading was stopped.")

    with opened(models) as manager, closing(JobQueue(manager, lambda *_: None)) as queue:  # type: ignore[arg-type,return-value]
        mend = watched_loading(manager, load_half)
        job = queue.submit("me", request("a"))
        assert begun.wait(PATIENCE)
        view = until(job, lambda view: view.loading is not None and view.loading.done > 0, PATIENCE)
        assert view.loading == ModelLoading("a", 0.5, "Loading the U-Net of a…")
        queue.cancel("me", job.id)
        assert until(job, ended, PATIENCE).state == "cancelled"
        assert over.wait(PATIENCE), "and nobody loads for nobody"
        mend()
        assert picture(manager, "a").shape == (64, 64, 3)
