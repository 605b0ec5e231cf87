"""Jobs run in turn, on the queue's own threads, watched by anybody of their owner's at any time."""

from __future__ import annotations

import asyncio
import logging
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from PIL import Image

from pipelines.errors import Cancelled, GenerationError
from pipelines.events import (
    GenerationEvent,
    GenerationFinished,
    GenerationStarted,
    ImageFinished,
    StepCompleted,
)
from pipelines.request import GenerationRequest, ImageToImageRequest, TextToImageRequest
from tests.waiting import until
from webui.job import Job, PictureKept, StateChanged
from webui.job_view import JobView
from webui.jobs import JobQueue, QueueFull
from webui.library.picture import SavedPicture, unsaved_picture
from webui.line import Line

FINAL = ("finished", "failed", "cancelled")
PATIENCE = 20.0
"""Seconds after which a test gives up on something that should have happened at once."""


class ScriptedBackEnd:
    """Yields what a generation reports; its steps wait for the test where it holds ``steps``."""

    def __init__(self, *, held: bool = False, total_steps: int = 3, notices: tuple[str, ...] = ()) -> None:
        self.steps = threading.Semaphore(0) if held else None
        self.total_steps, self.notices = total_steps, notices
        self.begun: list[str] = []
        self.closed: list[str] = []
        self.fail: Callable[[GenerationRequest, int, int], None] = lambda request, index, step: None

    def generate(self, request: GenerationRequest) -> Iterator[GenerationEvent]:
        self.begun.append(request.prompt)
        try:
            self._step(request, -1, 0)
            seeds = tuple(max(0, request.seed) + i for i in range(request.num_images_per_prompt))
            yield GenerationStarted(seeds, self.total_steps, self.notices)
            for index, seed in enumerate(seeds):
                for step in range(1, self.total_steps + 1):
                    self._step(request, index, step)
                    preview = f"preview {index}.{step}".encode()
                    yield StepCompleted(step, self.total_steps, preview, index)
                yield ImageFinished(index, Image.new("RGB", (64, 64), (seed % 256, 0, 0)), seed)
            yield GenerationFinished(0.1)
        finally:
            self.closed.append(request.prompt)

    def _step(self, request: GenerationRequest, index: int, step: int) -> None:
        if self.steps is not None:
            assert self.steps.acquire(timeout=PATIENCE)
        self.fail(request, index, step)


def keep(job: Job, event: ImageFinished) -> SavedPicture:
    saved = unsaved_picture(job.request, event, notice="")
    return SavedPicture(**{name: getattr(saved, name) for name in saved.__slots__} | {"notice": None})


@pytest.fixture
def back_end() -> ScriptedBackEnd:
    return ScriptedBackEnd(held=True)


@pytest.fixture
def queue(back_end: ScriptedBackEnd) -> Iterator[JobQueue]:
    queue = JobQueue(back_end, keep)
    yield queue
    back_end.steps.release(10_000)  # so that whatever a test left running comes to its end
    queue.close()


def ask(prompt: str = "a cat", **fields: object) -> TextToImageRequest:
    return TextToImageRequest(prompt=prompt, **fields)


def ended(view: JobView) -> bool:
    return view.state in FINAL


# ---- a job's life


def test_a_job_goes_from_waiting_to_its_pictures(queue, back_end):
    back_end.notices = ("The first frame was used.",)
    job = queue.submit("ann", ask(seed=7, num_images_per_prompt=2))

    first = job.view()
    assert first.state in ("waiting", "running")
    assert first.pictures == ()
    assert first.eta is None

    back_end.steps.release(1)
    started = until(job, lambda view: bool(view.pictures))
    assert started.state == "running"
    assert (started.seeds, started.total_steps, started.place) == ((7, 8), 3, 0)
    assert started.notices == ("The first frame was used.",)

    back_end.steps.release(2)
    halfway = until(job, lambda view: view.pictures[0].step == 2)
    assert halfway.pictures[0].preview == b"preview 0.2"
    assert halfway.pictures[1].preview is None
    assert halfway.seconds > 0
    assert halfway.eta is not None
    assert halfway.eta >= 0

    back_end.steps.release(2)
    one_done = until(job, lambda view: view.pictures[1].step == 1)
    assert one_done.pictures[0].saved is not None
    assert one_done.pictures[0].preview is None
    assert one_done.pictures[0].step == 3

    back_end.steps.release(2)
    done = until(job, ended)
    assert done.state == "finished"
    assert done.error is None
    assert [picture.saved.seed for picture in done.pictures] == [7, 8]
    assert [picture.preview for picture in done.pictures] == [None, None]
    assert first.version < started.version < halfway.version < one_done.version < done.version
    assert first.pictures == (), "a view never changes"


def test_the_log_has_every_fact_in_order_and_no_pixels(queue, back_end):
    back_end.steps.release(100)
    job = queue.submit("ann", ask(seed=7))
    until(job, ended)

    facts = [entry.event for entry in job.log()]
    assert [type(fact) for fact in facts] == [
        StateChanged,
        StateChanged,
        GenerationStarted,
        StepCompleted,
        StepCompleted,
        StepCompleted,
        PictureKept,
        GenerationFinished,
        StateChanged,
    ]
    assert [fact.state for fact in facts if isinstance(fact, StateChanged)] == [
        "waiting",
        "running",
        "finished",
    ]
    assert all(fact.preview is None for fact in facts if isinstance(fact, StepCompleted))
    assert job.log(since=7) == job.log()[7:]
    times = [entry.at for entry in job.log()]
    assert times == sorted(times)


def test_a_slow_reader_gets_the_newest_state_and_no_backlog(queue, back_end):
    back_end.total_steps = 50
    job = queue.submit("ann", ask())
    seen = job.view().version
    back_end.steps.release(51)
    until(job, lambda view: bool(view.pictures) and view.pictures[0].saved is not None)

    view = job.wait_for_change(seen, PATIENCE)

    assert view.pictures[0].step == 50
    assert job.wait_for_change(view.version, 0.0).version >= view.version


def test_time_left_comes_from_the_steps_done(queue, back_end):
    back_end.total_steps = 4
    job = queue.submit("ann", ask(num_images_per_prompt=2))
    back_end.steps.release(1)
    until(job, lambda view: bool(view.pictures))
    painting = time.monotonic()
    back_end.steps.release(2)
    view = until(job, lambda view: view.pictures[0].step == 2)
    took = time.monotonic() - painting

    assert view.eta is not None
    assert 0 <= view.eta <= took / 2 * 6 + 0.05, "2 of 8 steps are done"


def test_jobs_do_not_need_gradio_or_torch():
    code = (
        "import sys, webui.jobs, webui.library.store;"
        "print([m for m in ('torch', 'diffusers', 'gradio', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


# ---- turns


def run_in_order(queue: JobQueue, back_end: ScriptedBackEnd, asked: list[tuple[str, str]]) -> list[str]:
    """Submits behind a job that holds the queue, then lets everything run."""
    holder = queue.submit("holder", ask("hold"))
    until(holder, lambda view: view.state == "running")
    jobs = [queue.submit(owner, ask(prompt)) for owner, prompt in asked]
    in_line = sorted((job for job in jobs), key=lambda job: job.view().place)
    assert [job.view().place for job in in_line] == list(range(1, len(jobs) + 1))
    back_end.steps.release(10_000)
    for job in jobs:
        until(job, ended)
    assert back_end.begun[0] == "hold"
    assert back_end.begun[1:] == [job.request.prompt for job in in_line], "places told the truth"
    return back_end.begun[1:]


def test_owners_take_turns_however_much_they_hand_in(queue, back_end):
    asked = [("ann", "a1"), ("ann", "a2"), ("ann", "a3"), ("ben", "b1"), ("ben", "b2"), ("cem", "c1")]

    assert run_in_order(queue, back_end, asked) == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_whoever_was_just_served_waits_for_the_others(queue, back_end):
    assert run_in_order(queue, back_end, [("holder", "h1"), ("ann", "a1"), ("ann", "a2")]) == [
        "a1",
        "h1",
        "a2",
    ]


def test_coming_back_one_by_one_gains_nothing():
    """Somebody who hands in a job whenever theirs begins gets every second turn, not all of them."""
    line = Line()
    for turn in range(5):
        line.add(Job("cem", ask(f"c{turn}")))
    began = []
    for turn in range(5):
        line.add(Job("ann", ask(f"a{turn}")))
        for _ in range(2):
            job = line.take()
            began.append(job.owner)
            line.done(job)

    assert [set(began[turn : turn + 2]) for turn in range(0, 10, 2)] == [{"ann", "cem"}] * 5
    assert len(line) == 0
    assert line.in_order() == []


def test_a_stream_of_newcomers_keeps_nobody_waiting_for_ever():
    line = Line()
    jobs = [Job("ann", ask("a1")), Job("ann", ask("a2"))]
    for job in jobs:
        line.add(job)
    taken: list[Job] = []
    for visitor in range(100):
        line.add(Job(f"visitor {visitor}", ask()))
        taken.append(line.take())
        line.add(Job(f"late visitor {visitor}", ask()))
        line.done(taken[-1])

    assert taken.index(jobs[0]) == 0
    assert taken.index(jobs[1]) == 3, "those who came before its turn, nobody who came after"
    for _ in range(len(line)):
        line.done(line.take())
    assert [len(kept) for kept in (line._jobs, line._since, line._running)] == [0, 0, 0], "nobody is kept"


def test_a_cancelled_wait_is_nobodys_turn(queue, back_end):
    holder = queue.submit("holder", ask("hold"))
    until(holder, lambda view: view.state == "running")
    mine = [queue.submit("ann", ask(f"a{i}")) for i in range(1, 5)]
    others = [queue.submit("ben", ask(f"b{i}")) for i in range(1, 3)]
    for job in mine[:3]:
        assert queue.cancel("ann", job.id)
        assert job.view().state == "cancelled"
    assert [mine[3].view().place, *(job.view().place for job in others)] == [1, 2, 3]
    back_end.steps.release(1000)
    for job in (mine[3], *others):
        until(job, ended)
    assert back_end.begun == ["hold", "a4", "b1", "b2"]


def test_whoever_has_less_running_is_next():
    line = Line()
    for owner in ("ann", "ann", "ann", "ann", "ben", "ben", "ben"):
        line.add(Job(owner, ask()))
    assert [line.take().owner for _ in range(6)] == ["ann", "ben", "ann", "ben", "ann", "ben"]


def test_several_workers_run_several_jobs(back_end):
    queue = JobQueue(back_end, keep, workers=3)
    try:
        jobs = [queue.submit("ann", ask(f"a{i}")) for i in range(3)]
        for job in jobs:
            until(job, lambda view: view.state == "running")
        back_end.steps.release(1000)
        assert [until(job, ended).state for job in jobs] == ["finished"] * 3
    finally:
        queue.close()


# ---- limits


def test_an_owner_has_a_cap_and_so_has_everybody(back_end):
    queue = JobQueue(back_end, keep, waiting_per_owner=2, waiting_in_all=3)
    try:
        until(queue.submit("holder", ask("hold")), lambda view: view.state == "running")
        for _ in range(2):
            queue.submit("ann", ask())
        with pytest.raises(QueueFull, match=r"^You have 2 jobs waiting.*cancel one, or wait a while\.$"):
            queue.submit("ann", ask())
        queue.submit("ben", ask())
        with pytest.raises(QueueFull, match=r"^The studio has 3 jobs waiting.*wait a while\.$"):
            queue.submit("cem", ask())
        assert len(queue.jobs("ann")) == 2
        assert queue.jobs("cem") == ()
        queue.cancel("ann", queue.jobs("ann")[0].id)
        queue.submit("ann", ask())
    finally:
        back_end.steps.release(1000)
        queue.close()


def test_the_pictures_of_waiting_jobs_have_a_cap(back_end):
    request = ImageToImageRequest(prompt="a cat", image=Image.new("RGB", (512, 512)))  # 768 KiB
    queue = JobQueue(back_end, keep, waiting_bytes=2 << 20)
    try:
        until(queue.submit("holder", ask("hold")), lambda view: view.state == "running")
        for _ in range(2):
            queue.submit("ann", request)
        with pytest.raises(QueueFull, match="memory"):
            queue.submit("ann", request)
        queue.submit("ann", ask())
    finally:
        back_end.steps.release(1000)
        queue.close()


def test_the_newest_fifty_ended_jobs_are_kept():
    queue = JobQueue(ScriptedBackEnd(), keep, waiting_per_owner=100)
    try:
        jobs = [queue.submit("ann", ask(f"{i}")) for i in range(60)]
        other = queue.submit("ben", ask("his"))
        for job in (*jobs, other):
            until(job, ended)
        queue.close()  # after this the worker has put away the last one too
        assert [job.request.prompt for job in queue.jobs("ann")] == [str(i) for i in range(59, 9, -1)]
        assert queue.get("ann", jobs[0].id) is None
        assert queue.jobs("ben") == (other,)
    finally:
        queue.close()


def test_ended_jobs_have_a_memory_cap_over_all_owners():
    request = ImageToImageRequest(prompt="a cat", image=Image.new("RGB", (512, 512)))
    queue = JobQueue(ScriptedBackEnd(), keep, kept_bytes=3 << 20)
    try:
        jobs = [queue.submit(f"owner {i}", request) for i in range(8)]
        for job in jobs:
            until(job, ended)
        queue.close()
        known = [bool(queue.get(f"owner {i}", job.id)) for i, job in enumerate(jobs)]
        assert known == [False] * 5 + [True] * 3
        assert sum(job.weight() for job in jobs[5:]) <= 3 << 20
    finally:
        queue.close()


# ---- stopping


def test_a_running_job_stops_before_its_next_step(queue, back_end):
    job = queue.submit("ann", ask(num_images_per_prompt=2))
    back_end.steps.release(1 + 3 + 1)
    until(job, lambda view: bool(view.pictures) and view.pictures[1].step == 1)

    assert queue.cancel("ann", job.id)  # returns though the back end is held within a step
    assert job.view().stopping
    assert job.view().state == "running"
    back_end.steps.release(1)
    view = until(job, ended)

    assert view.state == "cancelled"
    assert view.error is None
    assert view.pictures[0].saved is not None, "what was finished stays"
    assert view.pictures[1].saved is None
    assert view.pictures[1].step <= 2
    assert not view.stopping
    assert back_end.closed == ["a cat"]
    assert not back_end.steps.acquire(blocking=False)
    assert not queue.cancel("ann", job.id), "there is nothing left to stop"


def test_a_job_that_is_still_loading_its_model_stops_at_once(queue, back_end):
    job = queue.submit("ann", ask())
    until(job, lambda view: view.state == "running")

    assert queue.cancel("ann", job.id)

    assert job.view().state == "cancelled"
    after = queue.submit("ann", ask("next"))
    back_end.steps.release(1 + 4)
    assert until(after, ended).state == "finished"
    assert job.view().pictures == ()


def test_the_queue_goes_on_after_a_stop(queue, back_end):
    for _ in range(30):
        job = queue.submit("ann", ask("stopped"))
        back_end.steps.release(random.randint(1, 3))
        until(job, lambda view: view.state == "running")
        queue.cancel("ann", job.id)
        back_end.steps.release(10)
        assert until(job, ended).state == "cancelled"
        assert until(queue.submit("ann", ask("after")), ended).state == "finished"
        while back_end.steps.acquire(blocking=False):
            pass
    assert back_end.closed == back_end.begun == ["stopped", "after"] * 30


def test_a_back_end_that_cancels_by_itself_is_no_failure(queue, back_end):
    def fail(request: GenerationRequest, index: int, step: int) -> None:
        raise Cancelled("Stopped.")

    back_end.fail = fail
    back_end.steps.release(1)
    view = until(queue.submit("ann", ask()), ended)
    assert (view.state, view.error) == ("cancelled", None)


def test_closing_ends_everything(back_end):
    before = threading.active_count()
    queue = JobQueue(back_end, keep, workers=2)
    jobs = [queue.submit("ann", ask()) for _ in range(6)]
    for job in jobs[:2]:
        until(job, lambda view: view.state == "running")
    closing = threading.Thread(target=queue.close)
    closing.start()
    for job in jobs:
        assert until(job, ended).state == "cancelled"
    back_end.steps.release(1000)
    closing.join(PATIENCE)

    assert threading.active_count() == before
    with pytest.raises(QueueFull, match="shutting down"):
        queue.submit("ann", ask())
    queue.close()


# ---- failing


def test_a_failure_keeps_what_was_finished_and_shows_its_sentence(queue, back_end):
    def fail(request: GenerationRequest, index: int, step: int) -> None:
        if (index, step) == (1, 2):
            raise GenerationError("width 2048 needs more memory than there is; use 1024.")

    back_end.fail = fail
    back_end.steps.release(1000)
    view = until(queue.submit("ann", ask(num_images_per_prompt=3)), ended)

    assert view.state == "failed"
    assert view.error == "width 2048 needs more memory than there is; use 1024."
    assert [bool(picture.saved) for picture in view.pictures] == [True, False, False]
    assert all(picture.preview is None for picture in view.pictures)


@pytest.mark.parametrize("error", [RuntimeError("secret /home/ann"), SystemExit(3), MemoryError()])
@pytest.mark.parametrize("step", [0, 2])
def test_anything_unexpected_is_one_sentence_and_the_queue_goes_on(queue, back_end, caplog, error, step):
    def fail(request: GenerationRequest, index: int, at: int) -> None:
        if request.prompt == "bad" and at == step:
            raise error

    back_end.fail = fail
    back_end.steps.release(1000)
    with caplog.at_level(logging.ERROR):
        view = until(queue.submit("ann", ask("bad")), ended)

    assert view.state == "failed"
    assert view.error == f"Something went wrong in the studio ({type(error).__name__}); its log says what."
    assert caplog.records[-1].exc_info is not None
    assert until(queue.submit("ann", ask("good")), ended).state == "finished"


def test_a_back_end_that_breaks_before_its_first_event_is_a_failure(caplog):
    class Broken:
        def generate(self, request: GenerationRequest) -> Iterator[GenerationEvent]:
            raise ValueError("no")

    queue = JobQueue(Broken(), keep)
    try:
        view = until(queue.submit("ann", ask()), ended)
        assert (view.state, "ValueError" in view.error) == ("failed", True)
    finally:
        queue.close()


def test_a_picture_that_cannot_be_kept_is_still_delivered(back_end, caplog):
    def full(job: Job, event: ImageFinished) -> SavedPicture:
        raise OSError(28, "No space left on device")

    queue = JobQueue(back_end, full)
    try:
        back_end.steps.release(100)
        view = until(queue.submit("ann", ask(seed=9, num_images_per_prompt=2)), ended)
    finally:
        queue.close()

    assert view.state == "finished"
    saved = view.pictures[0].saved
    assert saved.path is None
    assert saved.image.startswith(b"\x89PNG")
    assert (saved.seed, saved.width, saved.height) == (9, 64, 64)
    assert view.notices == (saved.notice,), "said once, not once a picture"
    assert "could not be put into the library" in saved.notice


# ---- owners


def test_other_owners_see_nothing(queue, back_end):
    job = queue.submit("ann", ask())
    until(job, lambda view: view.state == "running")
    waiting = queue.submit("ann", ask())

    for stranger in ("ben", "", "ann ", "ANN"):
        assert queue.jobs(stranger) == ()
        for one in (job, waiting):
            assert queue.get(stranger, one.id) is None
            assert not queue.cancel(stranger, one.id)
    assert (job.view().state, waiting.view().state) == ("running", "waiting")
    assert queue.get("ann", job.id) is job
    assert queue.jobs("ann") == (waiting, job)


def test_the_owners_token_shows_nowhere(queue, back_end):
    job = queue.submit("s3cret", ask())
    back_end.steps.release(100)
    until(job, ended)

    assert "s3cret" not in repr(job) + repr(job.view()) + repr(job.log())


# ---- watching from an event loop


def test_coroutines_watch_without_holding_threads(queue, back_end):
    back_end.total_steps = 20
    job = queue.submit("ann", ask())
    threads = threading.active_count()

    async def watch() -> list[int]:
        versions = []
        view = job.view()
        while not ended(view):
            view = await job.changed(view.version, PATIENCE)
            versions.append(view.version)
            assert threading.active_count() <= threads
            back_end.steps.release(1)
        return versions

    async def main() -> list[list[int]]:
        watching = [asyncio.ensure_future(watch()) for _ in range(20)]
        await asyncio.sleep(0)  # now each of them waits
        back_end.steps.release(1)
        return await asyncio.wait_for(asyncio.gather(*watching), PATIENCE)

    for versions in asyncio.run(main()):
        assert versions == sorted(set(versions))
        assert versions[-1] == job.view().version


def test_a_coroutine_can_give_up_and_an_ended_job_never_makes_one_wait(queue, back_end):
    job = queue.submit("ann", ask())
    until(job, lambda view: view.state == "running")

    async def main() -> None:
        view = job.view()
        assert (await job.changed(view.version, 0.01)).version == view.version
        task = asyncio.ensure_future(job.changed(view.version, None))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not job._changes._coroutines, "whoever gave up is forgotten"
        back_end.steps.release(100)
        while not ended(view):
            view = await job.changed(view.version, PATIENCE)
        assert (await job.changed(view.version, None)).state == "finished"

    asyncio.run(main())
    assert job.wait_for_change(10**9, None).state == "finished"


def test_a_watcher_whose_loop_has_died_does_not_stop_the_job(queue, back_end):
    job = queue.submit("ann", ask())
    until(job, lambda view: view.state == "running")
    loop = asyncio.new_event_loop()
    waiting = job.changed(job.view().version, None)
    loop.call_soon(loop.stop)
    task = loop.create_task(waiting)
    loop.run_forever()
    task._log_destroy_pending = False
    loop.close()

    back_end.steps.release(100)

    assert until(job, ended).state == "finished"
    waiting.close()


# ---- all at once


def test_a_storm_of_submits_and_cancels_leaves_every_job_ended_and_no_thread():  # noqa: C901
    before = set(threading.enumerate())
    back_end = ScriptedBackEnd(total_steps=2)

    def fail(request: GenerationRequest, index: int, step: int) -> None:
        if request.seed % 17 == 0 and step == 2:
            raise RuntimeError("now and then")

    back_end.fail = fail
    logging.getLogger("webui.jobs").disabled = True
    queue = JobQueue(back_end, keep, workers=2, kept_per_owner=1000, waiting_per_owner=1000)
    made: list[Job] = []
    wrong: list[str] = []
    start = threading.Barrier(8)

    def storm(number: int) -> None:
        chance = random.Random(number)
        owner = f"owner {number % 3}"
        mine: list[Job] = []
        start.wait()
        for _ in range(60):
            action = chance.random()
            if action < 0.6 or not mine:
                mine.append(queue.submit(owner, ask(seed=chance.randrange(1, 10_000))))
            elif action < 0.9:
                queue.cancel(owner, chance.choice(mine).id)
            else:
                view = chance.choice(mine).view()
                if queue.get(f"owner {(number + 1) % 3}", view.id) is not None:
                    wrong.append("a stranger saw a job")
        made.extend(mine)

    threads = [threading.Thread(target=storm, args=(number,)) for number in range(8)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        states = [until(job, ended).state for job in made]
    finally:
        queue.close()
        logging.getLogger("webui.jobs").disabled = False

    assert not wrong
    assert len(states) > 200
    assert set(states) == {"finished", "cancelled", "failed"}
    assert sorted(back_end.closed) == sorted(back_end.begun)
    assert set(threading.enumerate()) == before
    for job, state in zip(made, states, strict=True):
        view = job.view()
        assert view.state == state
        assert (state == "failed") == (view.error is not None)
        assert state != "finished" or all(picture.saved for picture in view.pictures)
        assert [entry.event.state for entry in job.log() if isinstance(entry.event, StateChanged)][-1] == state
