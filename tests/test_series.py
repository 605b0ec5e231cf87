"""Series: jobs one after another, each decided by what came before, stopped as one, and kept like any other picture."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines.errors import GenerationError, InvalidRequest
from pipelines.events import ImageFinished
from pipelines.request import GenerationRequest, TextToImageRequest
from tests.painter import PATIENCE, Painter
from webui.job import Job
from webui.jobs import JobQueue, QueueFull
from webui.journal import Journal
from webui.library.picture import SavedPicture
from webui.library.store import Library
from webui.origin import Origin
from webui.series import MOST_RUNNING, AllSeries, ListPlan, Made, Plan, SeriesView

OWNER = "a" * 32
OTHER = "b" * 32
PAUSE = threading.Event()


class House:
    """A queue with a library and a journal in a folder, as the studio has them."""

    def __init__(self, folder: Path, **options: object) -> None:
        self.library = Library(folder)
        self.painter = Painter(held=True)

        def keep(job: Job, event: ImageFinished) -> SavedPicture:
            number = job.picture_id(event.index)
            return self.library.keep(job.owner, job.request, event, picture_id=number, **job.origin._asdict())

        journal = Journal(folder / ".library" / "jobs.sqlite3")
        self.queue = JobQueue(
            self.painter, keep, journal=journal, find=self.library.get, owner_key=self.library.owner_key, **options
        )
        self.series = AllSeries(self.queue, self.library.owner_key)

    def close(self) -> None:
        self.series.close()
        self.painter.let_go()
        self.queue.close()
        self.library.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()


def ask(prompt: str, seed: int = 5, **fields: object) -> TextToImageRequest:
    return TextToImageRequest(prompt=prompt, seed=seed, **fields)


class Chain(Plan):
    """Each request names the picture before; its end is a sentence."""

    kind = "loopback"

    def __init__(self, count: int) -> None:
        self.count, self.finished = count, list[int]()

    def next_request(self, made: Made) -> GenerationRequest | None:
        if made and not made[-1]:
            return None
        return ask(f"turn {len(made)}", 10 + len(made)) if len(made) < self.count else None

    def origin(self, made: Made) -> Origin:
        return Origin(parent=made[-1][0].id if made else None)

    def finish(self, owner: str, made: Made) -> str | None:
        self.finished.append(len(made))
        return f"{len(made)} turns"


def over(house: House, owner: str = OWNER) -> SeriesView:
    return eventually(lambda: next((one for one in house.series.of(owner) if one.ended), None))


def pictures(house: House) -> tuple[SavedPicture, ...]:
    return house.library.find(OWNER).pictures


def eventually(look: Callable[[], object]) -> object:
    """Asks until there is something."""
    end = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < end
        PAUSE.wait(0.005)
    return found


def at_prompt(house: House, prompt: str) -> Job:
    """The job with that prompt once it is in the queue."""
    return eventually(lambda: next((job for job in house.queue.jobs(OWNER) if job.request.prompt == prompt), None))


def test_each_request_follows_from_the_pictures_before(house: House) -> None:
    plan = Chain(3)
    first = house.series.start(OWNER, plan)
    assert first.origin.edit == "loopback 1/3"
    view = house.series.of(OWNER)[0]
    assert (view.state, view.number, view.count, view.job) == ("running", 1, 3, first.id)
    house.painter.let_go()
    view = over(house)
    assert (view.state, view.notice, plan.finished) == ("finished", "3 turns", [3])
    found = sorted(pictures(house), key=lambda one: one.seed)
    assert [picture.prompt for picture in found] == ["turn 0", "turn 1", "turn 2"]
    assert [picture.edit for picture in found] == ["loopback 1/3", "loopback 2/3", "loopback 3/3"]
    assert [picture.parent for picture in found] == ["", found[0].id, found[1].id]
    assert house.series.of(OTHER) == ()


def test_stopping_the_job_at_hand_ends_the_rest_and_keeps_what_was_made(house: House) -> None:
    plan = Chain(4)
    house.series.start(OWNER, plan)
    house.painter.allow("turn 0")
    house.painter.allow("turn 1", 1)
    second = at_prompt(house, "turn 1")
    eventually(lambda: second.view().state == "running")
    assert house.queue.cancel(OWNER, second.id)
    view = over(house)
    assert (view.state, plan.finished) == ("stopped", [2])
    assert [picture.prompt for picture in pictures(house)] == ["turn 0"]
    assert not any(job.request.prompt == "turn 2" for job in house.queue.jobs(OWNER))


def test_a_series_is_stopped_by_its_id_and_only_by_its_owner(house: House) -> None:
    first = house.series.start(OWNER, Chain(4))
    series = house.series.of(OWNER)[0]
    assert not house.series.stop(OTHER, series.id)
    assert house.series.stop(OWNER, series.id)
    assert over(house).state == "stopped"
    assert first.view().state == "cancelled"
    assert not house.series.stop(OWNER, series.id)


def test_a_list_goes_on_after_a_failure_and_a_chain_does_not(house: House) -> None:
    def fail(request: GenerationRequest, step: int) -> None:
        if request.prompt in ("b", "turn 1"):
            raise GenerationError("too hard")

    house.painter.fail = fail
    house.painter.let_go()
    house.series.start(OWNER, ListPlan("prompt_list", [ask("a"), ask("b"), ask("c")], style="film"))
    assert over(house).state == "finished"
    made = pictures(house)
    assert sorted(picture.prompt for picture in made) == ["a", "c"]
    assert {picture.style for picture in made} == {"film"}
    plan = Chain(3)
    house.series.start(OTHER, plan)
    assert over(house, OTHER).state == "finished"
    assert plan.finished == [2]


def test_a_request_that_cannot_be_made_is_refused_at_once_or_ends_the_series_with_its_sentence(house: House) -> None:
    class Refusing(Chain):
        def next_request(self, made: Made) -> GenerationRequest | None:
            if len(made) == self.count:
                raise InvalidRequest("steps", "steps are 0; give one.")
            return ask("turn")

    with pytest.raises(InvalidRequest):
        house.series.start(OWNER, Refusing(0))
    assert house.series.of(OWNER) == ()
    house.painter.let_go()
    house.series.start(OWNER, Refusing(1))
    view = over(house)
    assert (view.state, view.notice) == ("failed", "steps are 0; give one.")


def test_an_owner_has_only_so_many_series(house: House) -> None:
    for _ in range(MOST_RUNNING):
        house.series.start(OWNER, Chain(2))
    with pytest.raises(QueueFull, match="You have 4 series"):
        house.series.start(OWNER, Chain(2))
    house.series.start(OTHER, Chain(2))


def test_a_full_queue_is_waited_for(tmp_path: Path) -> None:
    house = House(tmp_path, waiting_per_owner=1)
    try:
        house.series.start(OWNER, ListPlan("grid", [ask("a"), ask("b")]))
        eventually(lambda: at_prompt(house, "a").view().state == "running")
        house.queue.submit(OWNER, ask("mine"))
        house.painter.allow("a")
        eventually(lambda: at_prompt(house, "mine").view().state == "running")
        house.queue.submit(OWNER, ask("mine, too"))  # the series finds no room unless it was quicker
        house.painter.let_go()
        assert over(house).state == "finished"
        assert len(pictures(house)) == 4
    except QueueFull:
        house.painter.let_go()
        assert over(house).state == "finished"
    finally:
        house.close()


def test_a_restart_keeps_what_was_made_and_ends_the_job_at_hand(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.series.start(OWNER, Chain(3))
    house.painter.allow("turn 0")
    at_prompt(house, "turn 1")
    house.close()
    again = House(tmp_path)
    try:
        again.painter.let_go()
        eventually(lambda: len(pictures(again)) == 2)
        found = sorted((picture.edit, picture.prompt) for picture in pictures(again))
        assert found == [("loopback 1/3", "turn 0"), ("loopback 2/3", "turn 1")]
        assert again.series.of(OWNER) == ()
    finally:
        again.close()
