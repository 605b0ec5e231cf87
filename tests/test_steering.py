"""Jobs skipped, paused, moved, tried again, and shared out between owners while they run."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator

import pytest

from pipelines.errors import GenerationError
from pipelines.events import ImageFinished, ImageSkipped
from pipelines.request import GenerationRequest, TextToImageRequest
from tests.painter import Asked, Painter, PlainPainter
from tests.waiting import at_step, ended, until
from webui.job import Job, PauseChanged
from webui.job_view import JobView
from webui.jobs import JobQueue, NoSuchJob, QueueFull
from webui.library.picture import SavedPicture, unsaved_picture


def keep(job: Job, event: ImageFinished) -> SavedPicture:
    return unsaved_picture(job.request, event, notice="")


def ask(prompt: str = "a", **fields: object) -> TextToImageRequest:
    return TextToImageRequest(prompt=prompt, **{"seed": 7, **fields})


def made(view: JobView) -> list[int]:
    return [picture.index for picture in view.pictures if picture.saved]


@pytest.fixture
def painter() -> Painter:
    return Painter(held=True)


@pytest.fixture
def new_queue(painter: Painter) -> Iterator[Callable[..., JobQueue]]:
    """Makes queues, and checks in the end that nothing of them is left running."""
    before = set(threading.enumerate())
    queues: list[JobQueue] = []

    def make(workers: int = 1, back_end: object = None, **more: object) -> JobQueue:
        queues.append(JobQueue(back_end or painter, keep, workers=workers, **more))
        return queues[-1]

    yield make
    for queue in queues:
        queue.close()
    assert set(threading.enumerate()) == before


@pytest.fixture
def queue(new_queue: Callable[..., JobQueue]) -> JobQueue:
    return new_queue()


# ---- skip


def test_the_next_picture_is_skipped_while_the_others_go_on(queue, painter):
    job = queue.submit("ann", ask(num_images_per_prompt=3))
    painter.allow("a", 1)
    until(job, at_step(1))

    assert queue.skip("ann", job.id)  # though no step is done meanwhile

    assert [picture.skipped for picture in job.view().pictures] == [True, False, False]
    assert job.view().pictures[0].preview is None
    assert not queue.skip("ann", job.id, 0), "it is skipped already"
    assert not queue.skip("ann", job.id, 3), "there is none"
    assert not queue.skip("ben", job.id), "it is not his"
    painter.allow("a")
    view = until(job, ended)
    assert (view.state, made(view)) == ("finished", [1, 2])
    assert [view.pictures[index].saved.seed for index in (1, 2)] == [8, 9]
    assert painter.stepped == ["a"] * 3, "the others lost no step"
    assert ImageSkipped(0) in [entry.event for entry in job.log()]
    assert not queue.skip("ann", job.id)


def test_skipping_all_that_is_left_ends_the_job(queue, painter):
    job = queue.submit("ann", ask(num_images_per_prompt=2))
    painter.allow("a", 1)
    until(job, at_step(1))
    assert queue.skip("ann", job.id)
    assert queue.skip("ann", job.id)
    assert (until(job, ended).state, made(job.view())) == ("cancelled", [])


def test_pictures_skipped_before_their_turn_are_never_begun(queue, painter):
    holder = queue.submit("holder", ask("hold"))
    job = queue.submit("ann", ask(num_images_per_prompt=5))
    nothing = queue.submit("ann", ask("nothing", num_images_per_prompt=2))
    for index in (0, 3):
        assert queue.skip("ann", job.id, index)
    for _ in range(2):
        assert queue.skip("ann", nothing.id)
    assert nothing.view().state == "cancelled"
    for prompt in ("hold", "a"):
        painter.allow(prompt)
    until(holder, ended)
    view = until(job, ended)
    assert (view.state, made(view)) == ("finished", [1, 2, 4])
    assert [view.pictures[index].saved.seed for index in made(view)] == [8, 9, 11]
    assert [(asked.seed, asked.count) for asked in painter.asked[1:]] == [(8, 2), (11, 1)]


# ---- pause


def test_a_paused_job_stands_still_gives_its_place_away_and_goes_on_where_it_stood(queue, painter):
    job = queue.submit("ann", ask())
    painter.allow("a", 1)
    until(job, at_step(1))

    assert queue.pause("ann", job.id)
    assert not queue.pause("ann", job.id), "it is paused already"
    assert not queue.pause("ben", job.id)
    painter.allow("a")  # had it not been paused, it would go on now

    paused = job.view()
    assert (paused.state, paused.paused, paused.place) == ("running", True, 0)
    other = queue.submit("ben", ask("b"))
    painter.allow("b")
    assert until(other, ended).state == "finished"
    assert painter.stepped == ["a", "b", "b", "b"]
    assert job.view().seconds == paused.seconds, "standing still is no time at work"
    assert job.view().eta == paused.eta

    assert queue.resume("ann", job.id)
    assert not queue.resume("ann", job.id)
    view = until(job, ended)
    assert (view.state, view.paused, made(view)) == ("finished", False, [0])
    assert painter.stepped[4:] == ["a", "a"], "no step was done twice"
    assert len(painter.asked) == 2
    changes = [entry.event for entry in job.log() if isinstance(entry.event, PauseChanged)]
    assert changes == [PauseChanged(True), PauseChanged(False)]


def test_a_paused_job_in_line_lets_others_pass(queue, painter):
    holder = queue.submit("holder", ask("hold"))
    jobs = [queue.submit("ann", ask(prompt)) for prompt in ("a1", "a2", "a3")]
    assert queue.pause("ann", jobs[0].id)
    assert [job.view().place for job in jobs] == [0, 1, 2]
    painter.let_go()
    for job in (holder, *jobs[1:]):
        until(job, ended)
    assert jobs[0].view().state == "waiting"
    assert queue.resume("ann", jobs[0].id)
    until(jobs[0], ended)
    assert [asked.prompt for asked in painter.asked] == ["hold", "a2", "a3", "a1"]


def test_a_resumed_job_waits_for_a_place_before_its_owners_others(queue, painter):
    job = queue.submit("ann", ask())
    painter.allow("a", 1)
    until(job, at_step(1))
    queue.pause("ann", job.id)
    running, waiting = queue.submit("ben", ask("b")), queue.submit("ann", ask("a2"))
    until(running, lambda view: view.state == "running")

    queue.resume("ann", job.id)

    assert (job.view().place, waiting.view().place) == (1, 2)
    assert job.still
    painter.let_go()
    for one in (running, job, waiting):
        until(one, ended)
    assert painter.stepped == ["a", "b", "b", "b", "a", "a", "a2", "a2", "a2"]


@pytest.mark.parametrize("plain", [False, True])
def test_a_paused_job_can_be_stopped_at_once(new_queue, painter, plain):
    queue = new_queue(back_end=PlainPainter(painter) if plain else painter)
    job = queue.submit("ann", ask(num_images_per_prompt=2))
    painter.allow("a", 1)
    until(job, at_step(1))
    queue.pause("ann", job.id)
    if plain:
        painter.allow("a", 1)  # it can only be left at its next event
    assert queue.cancel("ann", job.id)
    assert until(job, ended).state == "cancelled"
    assert not queue.resume("ann", job.id)
    painter.allow("next")
    assert until(queue.submit("ann", ask("next")), ended).state == "finished"


def test_jobs_paused_half_made_have_a_cap(new_queue, painter):
    queue = new_queue(workers=1)
    jobs = []
    for number in range(8):
        jobs.append(queue.submit("ann", ask(f"{number}")))
        until(jobs[-1], lambda view: view.state == "running")
        queue.pause("ann", jobs[-1].id)
    last = queue.submit("ann", ask("last"))
    until(last, lambda view: view.state == "running")
    with pytest.raises(QueueFull, match=r"^You have 8 jobs paused half made.*resume or stop one first\.$"):
        queue.pause("ann", last.id)
    assert not last.view().paused
    queue.cancel("ann", jobs[0].id)
    assert queue.pause("ann", last.id)


# ---- a back end that hears no wishes


def test_a_back_end_without_control_is_asked_again_for_what_is_missing(new_queue, painter):
    queue = new_queue(back_end=PlainPainter(painter))
    job = queue.submit("ann", ask(num_images_per_prompt=2))
    painter.allow("a", 1)
    until(job, at_step(1))
    queue.pause("ann", job.id)
    painter.allow("a", 1)
    other = queue.submit("ben", ask("b"))
    painter.allow("b")
    until(other, ended)
    assert painter.closed == ["a", "b"], "it holds nothing while it is paused"

    painter.allow("a")
    queue.resume("ann", job.id)

    view = until(job, ended)
    assert (view.state, made(view)) == ("finished", [0, 1])
    assert [(asked.prompt, asked.seed, asked.count) for asked in painter.asked] == [
        ("a", 7, 2),
        ("b", 7, 1),
        ("a", 7, 2),
    ]


def test_a_back_end_without_control_has_its_skipped_pictures_thrown_away(new_queue, painter):
    queue = new_queue(back_end=PlainPainter(painter))
    job = queue.submit("ann", ask(num_images_per_prompt=3))
    painter.allow("a", 1)
    until(job, at_step(1))
    queue.skip("ann", job.id, 1)
    painter.allow("a")
    view = until(job, ended)
    assert (view.state, made(view)) == ("finished", [0, 2])
    assert view.pictures[1].skipped
    assert len(painter.asked) == 1


# ---- order


def prompts(jobs: list[Job]) -> list[str]:
    return [job.request.prompt for job in sorted(jobs, key=lambda job: job.view().place)]


def test_waiting_jobs_are_moved_among_their_owners(queue, painter):
    holder = queue.submit("holder", ask("hold"))
    until(holder, lambda view: view.state == "running")
    mine = [queue.submit("ann", ask(f"a{number}")) for number in range(4)]
    others = [queue.submit("ben", ask(f"b{number}")) for number in range(2)]
    assert prompts([*mine, *others]) == ["a0", "b0", "a1", "b1", "a2", "a3"]

    for job, to, order in (
        (mine[3], "front", ["a3", "b0", "a0", "b1", "a1", "a2"]),
        (mine[3], "back", ["a0", "b0", "a1", "b1", "a2", "a3"]),
        (mine[0], 2, ["a1", "b0", "a2", "b1", "a0", "a3"]),
        (mine[0], 99, ["a1", "b0", "a2", "b1", "a3", "a0"]),
        (mine[0], -5, ["a0", "b0", "a1", "b1", "a2", "a3"]),
    ):
        assert queue.reorder("ann", job.id, to)
        assert prompts([*mine, *others]) == order
    assert not queue.reorder("ben", mine[0].id, "back")
    assert not queue.reorder("holder", holder.id, "front"), "it has begun"
    assert queue.reorder("ann", mine[1].id, "front")
    painter.let_go()
    for job in (*mine, *others):
        until(job, ended)
    assert [asked.prompt for asked in painter.asked] == ["hold", "a1", "b0", "a0", "b1", "a2", "a3"]


# ---- once more


def test_a_failed_job_is_tried_again_for_what_is_missing_with_the_same_seeds(queue, painter):
    def fail(request: GenerationRequest, step: int) -> None:
        if len(painter.asked) == 3:
            raise GenerationError("Something gave way.")

    painter.fail = fail
    queue.submit("holder", ask("hold"))
    job = queue.submit("ann", ask(seed=-1, num_images_per_prompt=4))
    queue.skip("ann", job.id, 1)
    painter.let_go()
    view = until(job, ended)
    assert (view.state, view.error, made(view)) == ("failed", "Something gave way.", [0])
    first = painter.asked[1].seed
    assert view.seeds == job.seeds == tuple(first + index for index in range(4))

    again = queue.retry("ann", job.id)

    assert again.id != job.id
    assert again.request is job.request
    assert again.view().pictures[0].saved is view.pictures[0].saved, "what is there is shown at once"
    view = until(again, ended)
    assert (view.state, made(view)) == ("finished", [0, 1, 2, 3])
    assert [picture.saved.seed for picture in view.pictures] == list(job.seeds)
    assert [(asked.seed, asked.count) for asked in painter.asked[3:]] == [(first + 1, 3)]


def test_a_stopped_job_is_tried_again_and_a_finished_one_made_anew(queue, painter):
    job = queue.submit("ann", ask(num_images_per_prompt=2))
    with pytest.raises(NoSuchJob, match="has not ended"):
        queue.retry("ann", job.id)
    queue.cancel("ann", job.id)
    until(job, ended)
    painter.let_go()
    again = queue.retry("ann", job.id)
    assert made(until(again, ended)) == [0, 1]

    anew = queue.retry("ann", again.id)

    assert made(until(anew, ended)) == [0, 1]
    assert painter.asked[-1] == Asked("a", 7, 2, "ann")
    with pytest.raises(NoSuchJob, match="no such job"):
        queue.retry("ben", job.id)


# ---- several at once


def moving(jobs: list[Job]) -> list[str]:
    return [job.request.prompt for job in jobs if job.begun and not job.still and not job.ended]


def test_one_owners_hundred_jobs_hold_nobody_up(new_queue, painter):
    queue = new_queue(workers=4, waiting_per_owner=200)
    mine = [queue.submit("ann", ask(f"a{number}")) for number in range(100)]
    assert moving(mine) == ["a0", "a1", "a2", "a3"]
    painter.allow("a3", 1)
    until(mine[3], at_step(1))

    job = queue.submit("ben", ask("b0"))

    assert job.begun
    assert moving([*mine, job]) == ["a0", "a1", "a2", "b0"]
    aside = mine[3].view()
    assert (aside.state, aside.paused, aside.place) == ("running", False, 1)
    others = [queue.submit("ben", ask(f"b{number}")) for number in (1, 2)]
    assert moving([*mine, job, *others]) == ["a0", "a1", "b0", "b1"], "half of the places each"
    third = queue.submit("cem", ask("c0"))
    assert len(moving([*mine, job, *others, third])) == 4
    assert third.begun
    painter.let_go()
    for one in (*mine, job, *others, third):
        assert until(one, ended).state == "finished"
    assert painter.stepped.count("a3") == 3, "stepping aside costs no step"
    assert [asked.owner for asked in painter.asked if asked.prompt == "b0"] == ["ben"]


def test_no_more_than_so_many_are_ever_at_work(new_queue):
    painter = Painter(total_steps=2)
    queue = new_queue(workers=3, back_end=painter, waiting_per_owner=100)
    jobs: list[Job] = []
    most = []

    def count(request: GenerationRequest, step: int) -> None:
        most.append(len(moving(list(jobs))))

    painter.fail = count
    jobs.extend(queue.submit(f"owner {number % 5}", ask(f"{number}")) for number in range(60))
    for job in jobs:
        until(job, ended)
    assert max(most) <= 3
    assert len(painter.asked) == 60


def test_a_back_end_that_cannot_wait_is_not_interrupted(new_queue, painter):
    queue = new_queue(workers=2, back_end=PlainPainter(painter))
    mine = [queue.submit("ann", ask(f"a{number}")) for number in range(3)]
    job = queue.submit("ben", ask("b"))
    assert moving([*mine, job]) == ["a0", "a1"]
    painter.allow("a0")
    until(job, lambda view: view.state == "running")
    assert not mine[2].begun
    painter.let_go()
    for one in (*mine, job):
        until(one, ended)
    assert len(painter.asked) == 4


def test_a_storm_of_wishes_leaves_every_job_ended(new_queue):  # noqa: C901
    painter = Painter(total_steps=2)
    queue = new_queue(workers=3, back_end=painter, waiting_per_owner=1000, kept_per_owner=1000)

    def fail(request: GenerationRequest, step: int) -> None:
        if request.seed % 19 == 0 and step == 2:
            raise RuntimeError("now and then")

    painter.fail = fail
    jobs: list[Job] = []
    wrong: list[BaseException] = []

    def storm(number: int) -> None:
        chance, owner = random.Random(number), f"owner {number % 3}"
        mine: list[Job] = []
        try:
            for _ in range(60):
                if not mine or chance.random() < 0.3:
                    request = ask(seed=chance.randrange(1, 9999), num_images_per_prompt=chance.randint(1, 4))
                    mine.append(queue.submit(owner, request))
                    continue
                job_id = chance.choice(mine[-6:]).id
                wish = chance.choice(["cancel", "skip", "pause", "resume", "resume", "reorder", "retry"])
                try:
                    if wish == "reorder":
                        queue.reorder(owner, job_id, chance.choice(["front", "back", 1]))
                    elif wish == "retry":
                        mine.append(queue.retry(owner, job_id))
                    else:
                        getattr(queue, wish)(owner, job_id)
                except (NoSuchJob, QueueFull):
                    continue
        except Exception as error:  # noqa: BLE001 - told below
            wrong.append(error)
        jobs.extend(mine)

    threads = [threading.Thread(target=storm, args=(number,)) for number in range(6)]
    logging.getLogger("webui.runner").disabled = True
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for job in jobs:
            queue.resume(job.owner, job.id)
        views = [until(job, ended) for job in jobs]
    finally:
        logging.getLogger("webui.runner").disabled = False
    assert not wrong
    assert {view.state for view in views} == {"finished", "cancelled", "failed"}
    assert len(painter.asked) == len(painter.closed)
    for view in views:
        if view.state == "finished":
            assert all(picture.saved or picture.skipped for picture in view.pictures)
            assert made(view)
    for job in jobs:
        for index, saved in job.made.items():
            assert saved.seed == job.seeds[index]
