"""Jobs that were taken in come back after a restart, to their owners only, whatever became of program or disk."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.errors import GenerationError
from pipelines.events import ImageFinished
from pipelines.request import GenerationRequest, ImageToImageRequest, InpaintRequest, TextToImageRequest
from tests.painter import Painter
from tests.waiting import ended, until
from webui import journal_table
from webui.job import Job
from webui.job_view import JobView
from webui.jobs import JobQueue
from webui.journal import ENDED_KEPT, NOT_WRITTEN, Journal
from webui.journal_table import JournalTable
from webui.library.index import DamagedIndex
from webui.library.store import Library
from webui.origin import Origin
from webui.request_text import read_request, write_request
from webui.restoring import SUSPECTED

ANN, BEN = "a" * 32, "b" * 32


@dataclass
class Open:
    """A queue with all it needs to be found again."""

    queue: JobQueue
    library: Library
    journal: Journal
    painter: Painter
    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / ".library" / "jobs.sqlite3"


def open_studio(folder: Path, *, held: bool = True, **more: object) -> Open:
    library = Library(folder)
    journal = Journal(folder / ".library" / "jobs.sqlite3")
    painter = Painter(held=held)

    def keep(job: Job, event):
        return library.keep(job.owner, job.request, event, picture_id=job.picture_id(event.index))

    more = {"journal": journal, "find": library.get, "owner_key": library.owner_key, **more}
    return Open(JobQueue(painter, keep, **more), library, journal, painter, folder)


class Studios:
    """Opens the same studio again and again: after an orderly end, or as if it had been killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: list[Open] = []

    def __call__(self, **more: object) -> Open:
        self.close()
        self._open.append(open_studio(self._folder, **more))
        return self._open[-1]

    def after_a_kill(self, **more: object) -> Open:
        """What is on the disk at this very moment is all that the next studio gets."""
        copy = self._folder.with_name(self._folder.name + "+")
        shutil.copytree(self._folder, copy)
        self._folder = copy
        return self(**more)

    def close(self) -> None:
        while self._open:
            studio = self._open.pop()
            studio.painter.let_go()
            studio.queue.close()
            studio.library.close()


@pytest.fixture
def studios(tmp_path: Path) -> Iterator[Studios]:
    before = set(threading.enumerate())
    studios = Studios(tmp_path / "outputs")
    yield studios
    studios.close()
    assert set(threading.enumerate()) == before


def ask(prompt: str = "a", **fields: object) -> TextToImageRequest:
    return TextToImageRequest(prompt=prompt, **{"seed": 7, **fields})


def finish(studio: Open, *owners: str) -> list[JobView]:
    studio.painter.let_go()
    return [until(job, ended) for owner in owners for job in reversed(studio.queue.jobs(owner))]


def files_with(studio: Open, prompt: str) -> list[Path]:
    return sorted(studio.folder.glob(f"*/*{prompt}*.png"))


def noise(size: tuple[int, int], channels: int) -> Image.Image:
    pixels = np.random.default_rng(channels).integers(0, 256, (size[1], size[0], channels), dtype=np.uint8)
    return Image.fromarray(pixels.squeeze())


def three_requests() -> list[GenerationRequest]:
    image, mask = noise((96, 64), 3), noise((96, 64), 1)
    image.info["note"] = "not part of it"
    every = {
        "prompt": "ünïcode \N{BAR OF SOAP}\n'quotes' \"",
        "negative_prompt": "no",
        "num_inference_steps": 33,
        "guidance_scale": 3.7,
        "scheduler": "DPM++ 2M Karras",
        "seed": 2**32 - 1,
        "width": 72,
        "height": 80,
        "num_images_per_prompt": 2,
        "model": "some/model",
        "deterministic": True,
    }
    return [
        TextToImageRequest(**every),
        ImageToImageRequest(**every, image=image, strength=0.123),
        InpaintRequest(**every, image=image, mask_image=mask, mask_blur=3, strength=1.0),
    ]


@pytest.mark.parametrize("request_", three_requests(), ids=lambda request: request.task)
def test_a_request_is_written_and_read_without_a_difference(request_):
    again = read_request(*write_request(request_))

    assert type(again) is type(request_)
    for name in type(request_).model_fields:
        one, other = getattr(request_, name), getattr(again, name)
        if isinstance(one, Image.Image):
            assert (one.mode, one.size, one.tobytes()) == (other.mode, other.size, other.tobytes())
        else:
            assert one == other


# ---- coming back


@pytest.mark.parametrize("killed", [True, False])
def test_waiting_jobs_wait_again_in_their_order_for_their_owners(studios, killed):
    studio = studios()
    asked = [(ANN, "a0"), (ANN, "a1"), (BEN, "b0"), (ANN, "a2"), (BEN, "b1")]
    jobs = {prompt: studio.queue.submit(owner, ask(prompt)) for owner, prompt in asked}
    studio.queue.reorder(ANN, jobs["a2"].id, "front")

    studio = studios.after_a_kill() if killed else studios()

    assert [job.id for job in studio.queue.jobs(BEN)] == [jobs["b1"].id, jobs["b0"].id]
    assert {job.id for job in studio.queue.jobs(ANN)} == {jobs[f"a{number}"].id for number in range(3)}
    assert studio.queue.get(BEN, jobs["a0"].id) is None
    assert studio.queue.jobs("c" * 32) == ()
    assert [view.state for view in finish(studio, ANN, BEN)] == ["finished"] * 5
    assert [one.prompt for one in studio.painter.asked] == ["a0", "b0", "a2", "b1", "a1"]
    for owner, prompt in asked:
        (kept,) = [one for one in studio.library.newest(owner, 99) if one.prompt == prompt]
        assert kept.seed == 7
    assert studios().library.newest(ANN, 99)[0].path.exists()


def test_whatever_they_were_given_comes_back_with_them(studios):
    studio = studios()
    studio.queue.submit(ANN, ask("hold"))
    jobs = [studio.queue.submit(ANN, one, Origin("f" * 32, "variation", "anime")) for one in three_requests()]
    studio = studios.after_a_kill()
    for job in jobs:
        again = studio.queue.get(ANN, job.id)
        assert again.request.model_dump(exclude={"image", "mask_image"}) == job.request.model_dump(
            exclude={"image", "mask_image"}
        )
        assert write_request(again.request) == write_request(job.request)
        assert (again.origin, again.submitted, again.seeds) == (job.origin, job.submitted, job.seeds)


def test_a_job_is_on_the_disk_before_it_is_acknowledged(studios):
    studio = studios()
    for number in range(5):
        job = studio.queue.submit(ANN, ask(f"{number}"))
        copy = studio.folder.with_name(f"copy {number}")
        copy.mkdir()
        for file in studio.file.parent.glob("jobs.sqlite3*"):
            shutil.copy(file, copy)
        table = JournalTable(copy / "jobs.sqlite3")
        assert [row.id for row in table.rows()][-1] == job.id
        table.close()


def test_a_job_cut_short_goes_on_from_its_next_picture_with_the_same_seeds(studios):
    studio = studios()
    studio.queue.submit(BEN, ask("hold"))
    job = studio.queue.submit(ANN, ask("short", seed=-1, num_images_per_prompt=10))
    studio.queue.skip(ANN, job.id, 4)
    for prompt in ("hold", "short"):
        studio.painter.allow(prompt, 3)  # all steps of the first four pictures, none of the others
    view = until(job, lambda view: sum(bool(picture.saved) for picture in view.pictures) == 4)

    studio = studios.after_a_kill()

    again = studio.queue.get(ANN, job.id)
    assert again.seeds == job.seeds
    assert [picture.saved and picture.saved.id for picture in again.view().pictures] == [
        picture.saved and picture.saved.id for picture in view.pictures
    ]
    (done,) = finish(studio, ANN)
    assert done.state == "finished"
    assert [picture.step for picture in done.pictures] == [3, 3, 3, 3, 0, 3, 3, 3, 3, 3]
    assert [picture.saved.id for picture in done.pictures[:4]] == [picture.saved.id for picture in view.pictures[:4]]
    assert done.pictures[4].skipped
    assert [(one.seed, one.count) for one in studio.painter.asked] == [(job.seeds[5], 5)], "nothing is made twice"
    assert [one.saved.seed for one in done.pictures if one.saved] == [*job.seeds[:4], *job.seeds[5:]]
    assert len(files_with(studio, "short")) == 9


def test_a_picture_kept_just_before_the_kill_is_not_made_again(studios, monkeypatch):
    studio = studios()
    with monkeypatch.context() as patched:
        patched.setattr(Journal, "made", lambda *arguments: None)  # killed between the library and the journal
        job = studio.queue.submit(ANN, ask("kept", num_images_per_prompt=2))
        studio.painter.allow("kept")
        patched.setattr(Journal, "ended", lambda *arguments: None)
        until(job, ended)
        studio = studios.after_a_kill()
    (again,) = studio.queue.jobs(ANN)
    assert (again.id, again.view().state) == (job.id, "finished")
    assert studio.painter.asked == []
    assert [picture.saved.id for picture in again.view().pictures] == [job.picture_id(0), job.picture_id(1)]
    assert studios.after_a_kill().queue.jobs(ANN)[0].view().state == "finished"


def test_a_picture_that_its_owner_has_removed_is_not_made_again(studios):
    studio = studios()
    studio.queue.submit(BEN, ask("hold"))
    job = studio.queue.submit(ANN, ask("gone", num_images_per_prompt=5))
    studio.queue.skip(ANN, job.id, 2)
    for prompt in ("hold", "gone"):
        studio.painter.allow(prompt, 3)
    view = until(job, lambda view: sum(bool(picture.saved) for picture in view.pictures) == 2)
    removed = view.pictures[1]
    studio = studios.after_a_kill()
    path = studio.library.get(ANN, removed.saved.id).path
    path.unlink()
    studio = studios.after_a_kill()
    finish(studio, ANN)
    assert studio.queue.get(ANN, job.id).view().pictures[removed.index].skipped
    assert not path.exists()


def test_what_was_wished_holds_after_a_restart(studios):
    studio = studios()
    studio.queue.submit(BEN, ask("hold"))
    paused, stopped, failed = (studio.queue.submit(ANN, ask(name)) for name in ("paused", "stopped", "failed"))
    running = studio.queue.jobs(BEN)[0]
    until(running, lambda view: view.state == "running")
    studio.queue.pause(ANN, paused.id)
    studio.queue.cancel(ANN, stopped.id)

    def fail(request: GenerationRequest, step: int) -> None:
        if request.prompt == "failed":
            raise GenerationError("Something gave way.")

    studio.painter.fail = fail
    for name in ("hold", "failed"):
        studio.painter.allow(name)
    until(failed, ended)
    studio.queue.pause(BEN, running.id)

    studio = studios.after_a_kill()
    studio.painter.let_go()
    states = {job.request.prompt: job.view() for job in studio.queue.jobs(ANN)}
    assert [states[name].state for name in ("paused", "stopped", "failed")] == ["waiting", "cancelled", "failed"]
    assert states["failed"].error == "Something gave way."
    assert states["paused"].paused
    assert studio.queue.resume(ANN, paused.id)
    assert until(studio.queue.get(ANN, paused.id), ended).state == "finished"
    assert until(studio.queue.retry(ANN, failed.id), ended).state == "finished"
    assert "stopped" not in [one.prompt for one in studio.painter.asked]


def test_a_running_job_that_was_stopped_stays_stopped_though_the_kill_came_first(studios):
    studio = studios()
    job = studio.queue.submit(ANN, ask("stop me"))
    studio.painter.allow("stop me", 1)
    until(job, lambda view: bool(view.pictures) and view.pictures[0].step == 1)
    assert studio.queue.cancel(ANN, job.id)
    studio = studios.after_a_kill()
    assert studio.queue.get(ANN, job.id).view().state == "cancelled"
    assert studio.painter.asked == []


def test_a_job_that_keeps_killing_the_studio_is_not_begun_by_itself(studios):
    studio = studios()
    job = studio.queue.submit(ANN, ask("deadly"))
    for _ in range(3):
        until(studio.queue.get(ANN, job.id), lambda view: view.state == "running")
        studio.painter.allow("deadly", 1)  # it is at work, and the journal knows
        until(studio.queue.get(ANN, job.id), lambda view: bool(view.pictures) and view.pictures[0].step == 1)
        studio = studios.after_a_kill()
    again = studio.queue.get(ANN, job.id)
    assert (again.view().state, again.view().paused, again.view().notices) == ("waiting", True, (SUSPECTED,))
    studio.painter.let_go()
    studio.queue.resume(ANN, job.id)
    assert until(again, ended).state == "finished"


def test_an_orderly_end_is_no_jobs_fault(studios):
    studio = studios()
    job = studio.queue.submit(ANN, ask("innocent"))
    for _ in range(5):
        until(studio.queue.get(ANN, job.id), lambda view: view.state == "running")
        studio.painter.allow("innocent", 1)
        until(studio.queue.get(ANN, job.id), lambda view: bool(view.pictures) and view.pictures[0].step == 1)
        studio.queue.close(0.0)
        studio = studios()
    assert finish(studio, ANN)[0].state == "finished"


def test_jobs_wait_for_the_start_where_the_page_comes_first(studios):
    studio = studios()
    job = studio.queue.submit(ANN, ask("first"))
    studio = studios.after_a_kill(held=False, started=False)
    again = studio.queue.get(ANN, job.id)
    assert (again.view().state, studio.painter.asked) == ("waiting", [])
    studio.queue.start()
    assert until(again, ended).state == "finished"
    studio = studios(held=False, started=False)
    assert until(studio.queue.submit(ANN, ask("second")), ended).state == "finished"


# ---- what is in the file


def test_the_owners_token_is_in_no_file(studios):
    studio = studios()
    for number in range(3):
        studio.queue.submit(ANN, ask(f"{number}"))
    found = [path for path in studio.folder.rglob("*") if path.is_file() and ANN.encode() in path.read_bytes()]
    assert found == []
    assert ANN not in repr(studio.queue.jobs(ANN)) + repr([job.owner for job in studio.queue.jobs(ANN)])


def test_what_has_ended_is_dropped_after_a_while_and_the_file_shrinks(studios):
    studio = studios(held=False, kept_per_owner=5)
    image = noise((512, 512), 3)
    large = [
        studio.queue.submit(ANN, ImageToImageRequest(prompt=f"large {number}", image=image)) for number in range(8)
    ]
    for job in large:
        until(job, ended)
    for number in range(10):
        until(studio.queue.submit(ANN, ask(f"{number}")), ended)
    studio = studios(held=False)
    assert [job.request.prompt for job in reversed(studio.queue.jobs(ANN))] == ["5", "6", "7", "8", "9"]
    assert studio.file.stat().st_size < 200_000


def test_only_so_many_ended_jobs_are_read_back(studios, monkeypatch):
    monkeypatch.setattr("webui.journal.ENDED_KEPT", 4)
    assert ENDED_KEPT >= 50
    studio = studios(held=False)
    for number in range(7):
        until(studio.queue.submit(ANN, ask(f"{number}")), ended)
    studio = studios()
    assert [job.request.prompt for job in reversed(studio.queue.jobs(ANN))] == ["3", "4", "5", "6"]


# ---- when the file or the disk fails


@pytest.mark.parametrize("damage", ["noise", "cut", "another version", "no table", "empty"])
def test_a_damaged_journal_is_set_aside_and_the_studio_starts(studios, damage):
    studio = studios()
    studio.queue.submit(ANN, ask("lost", num_images_per_prompt=10))
    path = studio.file
    studio.queue.close()
    data = path.read_bytes()
    if damage == "noise":
        path.write_bytes(data[:100] + bytes(np.random.default_rng(1).integers(0, 256, 40_000, dtype=np.uint8)))
    elif damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        with sqlite3.connect(path) as database:
            database.execute("PRAGMA user_version = 99" if damage == "another version" else "DROP TABLE pictures")
        database.close()

    studio = studios()

    if damage != "empty":
        assert "The journal of the waiting jobs was damaged; it was set aside as" in studio.journal.notices[0]
        assert len(list(path.parent.glob("jobs.sqlite3.damaged-*"))) == 1
    job = studio.queue.submit(ANN, ask("kept"))
    assert job.view().notices == ()
    studio = studios.after_a_kill()
    assert [one.id for one in studio.queue.jobs(ANN)] == [job.id]
    assert studio.journal.notices == ()


def test_one_job_that_cannot_be_read_costs_no_other(studios):
    studio = studios()
    jobs = [studio.queue.submit(ANN, ask(f"{number}")) for number in range(3)]
    path = studio.file
    studios.close()
    with sqlite3.connect(path) as database:
        database.execute('UPDATE jobs SET request = \'{"task": "text_to_image"}\' WHERE id = ?', (jobs[1].id,))
    database.close()

    studio = studios()

    assert studio.journal.notices == ("Of the waiting jobs, 1 could not be read back; ask for them again.",)
    assert {job.id for job in studio.queue.jobs(ANN)} == {jobs[0].id, jobs[2].id}
    assert studios().journal.notices == ()


def test_a_journal_found_damaged_later_is_written_anew_from_the_jobs_at_hand(studios, monkeypatch):
    studio = studios()
    jobs = [studio.queue.submit(ANN, ask(f"{number}")) for number in range(3)]
    real = JournalTable.add
    broken = [True]

    def damaged(table: JournalTable, *entry: object) -> None:
        if broken:
            broken.clear()
            raise DamagedIndex("database disk image is malformed")
        real(table, *entry)

    monkeypatch.setattr(JournalTable, "add", damaged)
    jobs.append(studio.queue.submit(ANN, ask("last")))
    assert jobs[-1].view().notices == ()
    assert "was damaged" in studio.journal.notices[0]

    studio = studios.after_a_kill()
    assert {job.id for job in studio.queue.jobs(ANN)} == {job.id for job in jobs}
    assert [view.state for view in finish(studio, ANN)] == ["finished"] * 4


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no file that is open")
def test_a_hidden_folder_removed_by_hand_is_made_anew_and_costs_no_job(studios):
    studio = studios()
    jobs = [studio.queue.submit(ANN, ask(f"{number}")) for number in range(3)]
    kept = studio.library.keep(ANN, ask("a picture"), ImageFinished(0, noise((16, 16), 1), 1))
    shutil.rmtree(studio.file.parent)
    jobs.append(studio.queue.submit(ANN, ask("last")))
    assert jobs[-1].view().notices == ()
    assert studio.library.newest(ANN, 9) == (kept,)
    assert "removed while the studio ran" in studio.journal.notices[-1]
    assert "removed while the studio ran" in studio.library.notices[-1]

    studio = studios.after_a_kill()
    assert {job.id for job in studio.queue.jobs(ANN)} == {job.id for job in jobs}
    assert [view.state for view in finish(studio, ANN)] == ["finished"] * 4
    assert len(studio.library.newest(ANN, 9)) == 5


def test_a_full_disk_is_said_and_the_job_runs_all_the_same(studios):
    studio = studios()
    table = studio.journal._table
    assert table is not None
    pages = table._read("PRAGMA page_count")[0][0]
    table._read(f"PRAGMA max_page_count = {pages + 2}")  # SQLite's own way to be out of space
    image = noise((256, 256), 3)
    job = studio.queue.submit(ANN, ImageToImageRequest(prompt="too much", image=image))
    assert job.view().notices == (NOT_WRITTEN,)
    small = studio.queue.submit(ANN, ask("little"))
    assert small.view().notices == ()
    assert [view.state for view in finish(studio, ANN)] == ["finished"] * 2
    assert len(studio.library.newest(ANN, 9)) == 2


def test_a_folder_that_cannot_be_written_is_said_and_jobs_run(tmp_path):
    (tmp_path / "outputs").write_text("a file, where the folder should be")
    studio = open_studio(tmp_path / "outputs", held=False)
    try:
        (notice,) = studio.journal.notices
        assert notice.startswith("The journal of the waiting jobs cannot be written, or ")
        view = until(studio.queue.submit(ANN, ask()), ended)
        assert view.state == "finished"
        assert NOT_WRITTEN in view.notices
    finally:
        studio.queue.close()
        studio.library.close()


def test_two_studios_on_one_folder_do_not_make_the_same_jobs(studios, monkeypatch):
    monkeypatch.setattr(journal_table, "PATIENCE", 0.05)
    studio = studios()
    job = studio.queue.submit(ANN, ask("mine"))
    other = open_studio(studio.folder, held=False)
    try:
        assert "another studio uses the same outputs folder" in other.journal.notices[0]
        assert other.queue.jobs(ANN) == ()
        view = until(other.queue.submit(BEN, ask("theirs")), ended)
        assert (view.state, view.notices) == ("finished", (NOT_WRITTEN,))
    finally:
        other.queue.close()
        other.library.close()
    assert studios.after_a_kill().queue.jobs(ANN)[0].id == job.id
