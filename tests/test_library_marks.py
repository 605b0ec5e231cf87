"""Stars and the trash: undone at any time for thirty days, and known also after the index is lost."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from pipelines.request import TextToImageRequest
from tests.libraries import ids, opened, picture
from webui.library.index import PictureIndex
from webui.library.marks import Stars
from webui.library.search import Filters

REQUEST = TextToImageRequest(prompt="a red circle")


def keep(library, count: int, owner: str = "ann"):
    return [library.keep(owner, REQUEST, picture(seed, 8)) for seed in range(count)]


def lose_nothing(folder: Path) -> None:
    pass


def lose_index(folder: Path) -> None:
    for path in (folder / ".library").glob("index.sqlite3*"):
        path.unlink()


def lose_everything_hidden(folder: Path) -> None:
    shutil.rmtree(folder / ".library")


def damage_index(folder: Path) -> None:
    (folder / ".library" / "index.sqlite3").write_bytes(b"junk" * 4000)


def an_older_index(folder: Path) -> None:
    """As the first version of the library wrote it."""
    lose_index(folder)
    with sqlite3.connect(folder / ".library" / "index.sqlite3") as database:
        database.execute("CREATE TABLE pictures (id TEXT PRIMARY KEY, path TEXT)")
        database.execute("PRAGMA user_version = 1")
    database.close()


LOSSES = [lose_nothing, lose_index, lose_everything_hidden, damage_index, an_older_index]


@pytest.mark.parametrize("lose", LOSSES)
def test_stars_and_trash_survive_whatever_becomes_of_the_index(tmp_path, lose):
    with opened(tmp_path) as library:
        plain, starred, trashed, both = keep(library, 4)
        his = keep(library, 1, "ben")[0]
        assert library.star("ann", [starred.id, both.id]).ids == (starred.id, both.id)
        assert library.delete("ann", [trashed.id, both.id]).ids == (trashed.id, both.id)
        library.star("ben", [his.id])
    lose(tmp_path)
    with opened(tmp_path) as library:
        assert len(library.notices) == (lose is damage_index)
        assert ids(library.find("ann").pictures) == ids([starred, plain])
        assert ids(library.find("ann", Filters(starred=True)).pictures) == [starred.id]
        assert ids(library.find("ben", Filters(starred=True)).pictures) == [his.id]
        assert set(ids(library.trash("ann"))) == {trashed.id, both.id}
        assert library.restore("ann", [both.id]).ids == (both.id,)
        assert set(ids(library.find("ann", Filters(starred=True)).pictures)) == {starred.id, both.id}
        back = library.get("ann", both.id)
        assert back.path == both.path
        assert back.trashed is None
        assert library.recipe("ann", both.id).seed == 3


def test_deleting_is_undone(tmp_path):
    with opened(tmp_path) as library:
        first, second = keep(library, 2)
        before = first.path.read_bytes()
        assert library.delete("ann", [first.id, "no such picture", first.id]).ids == (first.id,)
        assert ids(library.find("ann").pictures) == [second.id]
        assert library.find("ann", Filters(words="red")).pictures == library.find("ann").pictures
        assert library.get("ann", first.id) is None
        in_trash = library.get("ann", first.id, trashed=True)
        assert in_trash.path.read_bytes() == before
        assert in_trash.path.is_relative_to(tmp_path / ".trash")
        assert abs(datetime.now(timezone.utc) - in_trash.trashed) < timedelta(minutes=1)
        assert library.thumbnail(first.id), "what may be brought back can be looked at"
        assert library.delete("ann", [first.id]).ids == ()

        assert library.restore("ann", [first.id]).ids == (first.id,)
        assert library.find("ann").pictures == (second, first)
        assert first.path.read_bytes() == before
        assert library.trash("ann") == ()
        assert list((tmp_path / ".trash").iterdir()) == []
        assert library.restore("ann", [first.id]).ids == ()


def test_a_picture_comes_back_beside_one_that_took_its_name(tmp_path):
    with opened(tmp_path) as library:
        (one,) = keep(library, 1)
        library.delete("ann", [one.id])
        one.path.write_bytes(b"somebody's")
        library.restore("ann", [one.id])
        back = library.get("ann", one.id)
        assert back.path == one.path.with_name(f"{one.path.stem}-2.png")
        assert one.path.read_bytes() == b"somebody's"


def test_a_picture_in_a_folder_of_ones_own_comes_back_there(tmp_path):
    with opened(tmp_path) as library:
        (one,) = keep(library, 1)
        moved = tmp_path / "best of" / "sky.png"
        moved.parent.mkdir()
        one.path.rename(moved)
    with opened(tmp_path) as library:
        library.delete("ann", [one.id])
        library.restore("ann", [one.id])
        assert library.get("ann", one.id).path == moved


def test_the_trash_is_emptied_by_hand(tmp_path):
    with opened(tmp_path) as library:
        first, second, third = keep(library, 3)
        his = keep(library, 1, "ben")[0]
        library.star("ann", [first.id])
        library.thumbnail(first.id)
        library.delete("ann", ids([first, second]))
        library.delete("ben", [his.id])
        assert library.empty_trash("ann", [first.id, third.id]).ids == (first.id,)
        assert library.empty_trash("ann").ids == (second.id,)
        assert library.trash("ann") == ()
        assert ids(library.find("ann").pictures) == [third.id]
        assert ids(library.trash("ben")) == [his.id]
        assert Stars(tmp_path).all() == set()
        assert not list((tmp_path / ".library" / "thumbnails").rglob("*.jpg"))
        assert len(list((tmp_path / ".trash").rglob("*.png"))) == 1


def days_ago(folder: Path, days: int) -> None:
    """Makes everything in the trash so old."""
    (day,) = (folder / ".trash").iterdir()
    day.rename(day.with_name(f"{datetime.now(timezone.utc) - timedelta(days=days):%Y-%m-%d}"))


@pytest.mark.parametrize(("days", "there"), [(0, True), (29, True), (30, True), (31, False), (4000, False)])
def test_the_trash_is_emptied_after_thirty_days(tmp_path, days, there):
    with opened(tmp_path) as library:
        first, second = keep(library, 2)
        library.delete("ann", [first.id])
    days_ago(tmp_path, days)
    with opened(tmp_path) as library:
        assert ids(library.trash("ann")) == ([first.id] if there else [])
        assert ids(library.find("ann").pictures) == [second.id]
        assert list((tmp_path / ".trash").iterdir()) != [] or not there
    with opened(tmp_path) as library:
        assert library.empty_old_trash() == 0
        assert library.restore("ann", [first.id]).ids == ((first.id,) if there else ())


def test_a_studio_that_runs_for_weeks_empties_the_trash_too(tmp_path, monkeypatch):
    with opened(tmp_path) as library:
        (one,) = keep(library, 1)
        library.delete("ann", [one.id])
        days_ago(tmp_path, 40)
        keep(library, 1)
        assert list((tmp_path / ".trash").iterdir()), "not with every picture"
        monkeypatch.setattr(library, "_tidied", library._tidied - timedelta(days=1))
        keep(library, 1)
        assert list((tmp_path / ".trash").iterdir()) == []


def test_strangers_things_in_the_trash_are_left_alone(tmp_path):
    kept = tmp_path / ".trash" / "2001-01-01" / "notes.png"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"mine")
    (tmp_path / ".trash" / "no day").mkdir()
    (tmp_path / ".stars").mkdir()
    (tmp_path / ".stars" / "../x").touch()
    with opened(tmp_path) as library:
        keep(library, 1)
        library.empty_old_trash(days=0)
    assert kept.read_bytes() == b"mine"


def test_a_picture_caught_between_trash_and_shelf_is_there_once(tmp_path):
    """Bringing back is a link and an unlink; a kill in between leaves both."""
    with opened(tmp_path) as library:
        (one,) = keep(library, 1)
        library.delete("ann", [one.id])
        trashed = library.get("ann", one.id, trashed=True).path
    os.link(trashed, one.path)
    for _ in range(2):
        with opened(tmp_path) as library:
            assert ids(library.find("ann").pictures) == [one.id]
            assert library.trash("ann") == ()
    assert one.path.exists()
    assert not trashed.exists()


FAULTS = [errno.ENOSPC, errno.EACCES, errno.EMFILE, errno.EROFS]
CALLS = [(os, "open"), (Path, "mkdir"), (Path, "rename"), (Path, "unlink"), (os, "link"), (os, "rename")]


@pytest.mark.parametrize("number", FAULTS, ids=errno.errorcode.get)
@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call[0].__name__}.{call[1]}")
@pytest.mark.parametrize("act", ["star", "unstar", "delete", "restore", "empty"])
def test_a_change_that_fails_says_so_and_loses_nothing(tmp_path, monkeypatch, act, call, number):
    def fail(*arguments: object, **more: object) -> None:
        raise OSError(number, os.strerror(number))

    with opened(tmp_path) as library:
        one, other = keep(library, 2)
        library.star("ann", [other.id])
        if act in ("restore", "empty"):
            library.delete("ann", [other.id])
        acts: dict[str, Callable[[], object]] = {
            "star": lambda: library.star("ann", [one.id]),
            "unstar": lambda: library.star("ann", [other.id], starred=False),
            "delete": lambda: library.delete("ann", [other.id]),
            "restore": lambda: library.restore("ann", [other.id]),
            "empty": lambda: library.empty_trash("ann", [other.id]),
        }
        with monkeypatch.context() as broken:
            broken.setattr(*call, fail)
            outcome = acts[act]()
        if outcome.ids == ():
            assert outcome.notice.endswith(".")
            assert "\n" not in outcome.notice
        done = bool(outcome.ids)
        everything = {*ids(library.find("ann").pictures), *ids(library.trash("ann"))}
        assert everything == ({one.id} if act == "empty" and done else {one.id, other.id})
    with opened(tmp_path) as library:
        assert library.notices == ()
        again = {*ids(library.find("ann").pictures), *ids(library.trash("ann"))}
        assert again == everything
        starred = set(ids(library.find("ann", Filters(starred=True)).pictures))
        assert (one.id in starred) == (act == "star" and done)
        if act == "delete":
            assert (other.id in ids(library.trash("ann"))) == done
        for picture_kept in (*library.find("ann").pictures, *library.trash("ann")):
            assert library.get("ann", picture_kept.id, trashed=True).path.stat().st_size > 100


def test_an_index_that_cannot_be_written_is_told_and_heals(tmp_path, monkeypatch):
    def full(*arguments: object, **more: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with opened(tmp_path) as library:
        first, second = keep(library, 2)
        with monkeypatch.context() as broken:
            broken.setattr(PictureIndex, "move", full)
            broken.setattr(PictureIndex, "star", full)
            assert "restart the studio" in library.delete("ann", [first.id]).notice
            assert "restart the studio" in library.star("ann", [second.id]).notice
    with opened(tmp_path) as library:
        assert ids(library.trash("ann")) == [first.id]
        assert ids(library.find("ann", Filters(starred=True)).pictures) == [second.id]


def test_folders_that_cannot_be_looked_into_lose_no_rows(tmp_path, monkeypatch):
    def fail(*arguments: object, **more: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with opened(tmp_path) as library:
        kept = keep(library, 2)
    with monkeypatch.context() as broken:
        broken.setattr(os, "scandir", fail)
        with opened(tmp_path) as library:
            assert set(ids(library.find("ann").pictures)) == set(ids(kept))
            assert "could not be looked into" in " ".join(library.notices)
