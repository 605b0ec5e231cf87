"""The queue on the real engine with the starter model: wishes reach the network, and every thread comes home."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import tqdm
from PIL import Image

from pipelines.events import ImageFinished
from pipelines.manager import PipelineManager
from pipelines.request import TextToImageRequest
from tests import waiting
from tests.waiting import at_step, ended
from webui.job import Job
from webui.jobs import JobQueue
from webui.library.picture import SavedPicture, unsaved_picture

PATIENCE = 60.0


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def manager(models: Path) -> Iterator[PipelineManager]:
    manager = PipelineManager([models])
    manager.warm_up()
    yield manager
    manager.close()


@pytest.fixture
def pictures() -> dict[tuple[str, int], Image.Image]:
    """What was made, by prompt and index."""
    return {}


def our_threads() -> set[threading.Thread]:
    """All but the one that tqdm starts with its first progress bar, and keeps."""
    return {thread for thread in threading.enumerate() if not isinstance(thread, tqdm.TMonitor)}


@pytest.fixture
def new_queue(
    manager: PipelineManager, pictures: dict[tuple[str, int], Image.Image]
) -> Iterator[Callable[..., JobQueue]]:
    before = our_threads()
    queues: list[JobQueue] = []

    def keep(job: Job, event: ImageFinished) -> SavedPicture:
        pictures[job.request.prompt, event.index] = event.image
        return unsaved_picture(job.request, event, notice="")

    def make(workers: int = 8) -> JobQueue:
        queues.append(JobQueue(manager, keep, workers=workers))
        return queues[-1]

    yield make
    for queue in queues:
        queue.close()
    for thread in our_threads() - before:  # the engine's own end a moment after they were told to
        thread.join(PATIENCE)
    assert our_threads() <= before


def ask(prompt: str, **fields: object) -> TextToImageRequest:
    fields = {"seed": 7, "num_inference_steps": 12, "width": 64, "height": 64, "deterministic": True, **fields}
    return TextToImageRequest(prompt=prompt, **fields)


until = partial(waiting.until, seconds=PATIENCE)


def test_a_first_picture_skipped_at_any_moment_costs_the_others_nothing(new_queue, pictures):
    queue = new_queue()
    whole = queue.submit("ann", ask("whole", num_images_per_prompt=3))
    assert until(whole, ended).state == "finished"
    for moment in range(6):
        prompt = "whole" if moment % 2 else f"whole, {moment}"  # a new prompt has to be encoded first
        before = {index: pictures["whole", index].tobytes() for index in range(3)}
        job = queue.submit("ann", ask(prompt, num_images_per_prompt=3))
        until(job, at_step(moment // 2))
        assert queue.skip("ann", job.id, 0)
        view = until(job, ended)
        assert (view.state, [bool(picture.saved) for picture in view.pictures]) == ("finished", [False, True, True])
        if prompt == "whole":
            assert [pictures["whole", index].tobytes() for index in (1, 2)] == [before[1], before[2]]


def test_a_paused_job_stands_still_while_others_go_on_and_ends_in_the_same_bits(new_queue, pictures):
    queue = new_queue()
    until(queue.submit("ann", ask("paused", num_inference_steps=40)), ended)
    reference = pictures.pop(("paused", 0)).tobytes()
    job = queue.submit("ann", ask("paused", num_inference_steps=40))
    until(job, at_step(2))
    assert queue.pause("ann", job.id)
    assert until(queue.submit("ben", ask("other")), ended).state == "finished"
    stood = job.view()
    assert until(queue.submit("ben", ask("another")), ended).state == "finished"
    assert job.view().pictures == stood.pictures
    assert (stood.paused, stood.ended) == (True, False)
    assert queue.resume("ann", job.id)
    assert until(job, ended).state == "finished"
    assert pictures["paused", 0].tobytes() == reference


def test_whoever_steps_aside_for_a_newcomer_ends_in_the_same_bits(new_queue, pictures):
    queue = new_queue(workers=2)
    until(queue.submit("ann", ask("aside", num_inference_steps=40)), ended)
    reference = pictures.pop(("aside", 0)).tobytes()
    first = queue.submit("ann", ask("first", num_inference_steps=150))
    aside = queue.submit("ann", ask("aside", num_inference_steps=40))
    until(aside, at_step(2))
    newcomer = queue.submit("ben", ask("new", num_inference_steps=60))
    assert newcomer.begun
    assert aside.view().place == 1
    assert until(newcomer, ended).state == "finished"
    assert not until(aside, lambda view: view.place == 0).ended
    assert until(aside, ended).state == "finished"
    assert pictures["aside", 0].tobytes() == reference
    queue.cancel("ann", first.id)
    assert until(first, ended).state == "cancelled"


def test_a_paused_job_is_stopped_at_once(new_queue):
    queue = new_queue(workers=1)
    job = queue.submit("ann", ask("stopped", num_inference_steps=150, num_images_per_prompt=2))
    until(job, at_step(1))
    queue.pause("ann", job.id)
    assert queue.cancel("ann", job.id)
    assert until(job, ended).state == "cancelled"
    assert until(queue.submit("ann", ask("next")), ended).state == "finished"


def test_a_job_whose_model_has_vanished_says_so_and_the_queue_goes_on(new_queue, models):
    folder = models / "sketches"
    folder.mkdir()
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    queue = new_queue(workers=1)
    running = queue.submit("ann", ask("running", num_inference_steps=150))
    waiting = queue.submit("ann", ask("waiting", model="sketches"))
    after = queue.submit("ann", ask("after"))
    shutil.rmtree(folder)
    queue.cancel("ann", running.id)

    view = until(waiting, ended)

    assert view.state == "failed"
    assert view.error is not None
    assert view.error.startswith("model is 'sketches', which is not installed; use 'starter'")
    assert until(after, ended).state == "finished"
