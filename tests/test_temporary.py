"""Temporary files stay below a size, and none that somebody is using goes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from webui.library.temporary import TemporaryFiles

NOW = 1_800_000_000.0


def put(folder: Path, name: str, size: int, age: float) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (NOW - age, NOW - age))
    return path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def files(folder: Path, largest: int, clock=lambda: NOW) -> TemporaryFiles:
    return TemporaryFiles(folder, largest, fresh=60, pause=30, clock=clock)


@pytest.mark.parametrize(
    ("largest", "left"), [(10_000, "abcd"), (600, "bcd"), (599, "cd"), (300, "cd"), (150, "d"), (0, "d")]
)
def test_the_oldest_go_until_the_rest_fits(tmp_path, largest, left):
    for number, (name, age) in enumerate({"d": 10, "b": 200, "c": 100, "a": 300}.items()):
        put(tmp_path, f"hash{number}/deep/{name}", {"a": 400, "b": 300, "c": 200, "d": 100}[name], age)
    before = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    freed = files(tmp_path, largest).tidy()
    assert names(tmp_path) == set(left), "the last one was used a moment ago and stays"
    assert freed == before - sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert all(any(folder.iterdir()) for folder in tmp_path.rglob("*") if folder.is_dir()), "no empty folder stays"
    assert tmp_path.is_dir()


def test_a_file_that_was_only_read_lately_stays(tmp_path):
    read = put(tmp_path, "read", 100, 500)
    os.utime(read, (NOW - 5, NOW - 500))
    put(tmp_path, "unused", 100, 400)
    files(tmp_path, 0).tidy()
    assert names(tmp_path) == {"read"}


def test_links_lead_nowhere(tmp_path):
    outside = put(tmp_path / "outside", "mine", 100, 500)
    folder = tmp_path / "temporary"
    folder.mkdir()
    (folder / "link").symlink_to(outside)
    (folder / "folder").symlink_to(outside.parent)
    assert files(folder, 0).tidy() == 0
    assert outside.exists()


def test_it_does_not_look_all_the_time(tmp_path):
    now = [NOW]
    watched = files(tmp_path, 0, lambda: now[0])
    assert watched.tidy_soon() == 0
    put(tmp_path, "a", 100, 500)
    assert watched.tidy_soon() == 0
    now[0] += 31
    assert watched.tidy_soon() == 100
    assert files(tmp_path / "nowhere", 0).tidy() == 0
