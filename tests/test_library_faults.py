"""Programs killed at any moment, and disks that fail at any call: no picture is lost, broken, or in two places."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from PIL import Image

from pipelines.request import InpaintRequest, TextToImageRequest
from tests.libraries import ids, opened, picture
from tests.studio import ROOT
from webui.library.embed import read_recipe
from webui.library.search import Filters

BUSY = """
import hashlib, random, sys
import numpy as np
from PIL import Image
from pipelines.events import ImageFinished
from pipelines.request import TextToImageRequest
from webui.library.store import Library

library = Library(sys.argv[1])
chance = random.Random(int(sys.argv[2]))
noise = np.random.default_rng(int(sys.argv[2]))
def pick(pictures):
    return chance.choice(pictures).id if pictures else None
while True:
    act = chance.choice(["keep", "keep", "delete", "restore", "star", "empty"])
    if act == "keep":
        image = Image.fromarray(noise.integers(0, 256, (96, 96, 3), dtype=np.uint8), "RGB")
        saved = library.keep("ann", TextToImageRequest(prompt="a red circle"), ImageFinished(0, image, 7))
        print("keep", saved.id, hashlib.sha256(image.tobytes()).hexdigest(), flush=True)
        continue
    one = pick(library.newest("ann", 50)) if act in ("delete", "star") else pick(library.trash("ann"))
    if one is None or (act == "empty" and chance.random() < 0.7):
        continue
    print("try", act, one, flush=True)
    call = {"delete": library.delete, "restore": library.restore, "star": library.star, "empty": library.empty_trash}
    if call[act]("ann", [one]).ids:
        print(act, one, "done", flush=True)
"""


class Believed:
    """What a busy program has said that it did."""

    def __init__(self) -> None:
        self.pixels: dict[str, str] = {}
        self.trashed: set[str] = set()
        self.starred: set[str] = set()
        self.unsure: set[str] = set()

    def hear(self, line: str) -> None:
        if line.count(" ") != 2 or not line.endswith("\n"):
            return
        act, number, what = line.split()
        if act == "try":
            self.unsure.add(what)
            return
        self.unsure.discard(number)
        if act == "keep":
            self.pixels[number] = what
        elif act == "delete":
            self.trashed.add(number)
        elif act == "restore":
            self.trashed.discard(number)
        elif act == "star":
            self.starred.add(number)
        elif act == "empty":
            self.trashed.discard(number)
            self.pixels.pop(number, None)  # it may have been killed before it could say that it kept it

    def check(self, folder: Path) -> None:
        with opened(folder) as library:
            listed = {one.id: one for one in library.newest("ann", 100_000)}
            in_trash = {one.id: one for one in library.trash("ann", 100_000)}
            stars = set(ids(library.find("ann", Filters(starred=True), count=100_000).pictures))
            assert library.notices == ()
            assert not listed.keys() & in_trash.keys()
            sure = self.pixels.keys() - self.unsure
            assert sure - self.trashed <= listed.keys()
            assert sure & self.trashed <= in_trash.keys()
            assert self.starred & listed.keys() - self.unsure <= stars
            for one in (*listed.values(), *in_trash.values()):
                assert read_recipe(one.path).seed == 7
                with Image.open(one.path) as image:
                    digest = hashlib.sha256(image.tobytes()).hexdigest()
                assert self.pixels.get(one.id, digest) == digest
            gone = self.unsure - listed.keys() - in_trash.keys()  # killed in the midst of removing for good
            for number in gone:
                self.pixels.pop(number, None)
            self.trashed = set(in_trash)
            self.starred = stars
            self.unsure = set()
        files = [path for path in folder.rglob("*.png") if ".library" not in path.parts]
        assert len(files) == len(listed) + len(in_trash)


@pytest.mark.parametrize("kills", [4, pytest.param(200, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def test_a_program_that_is_killed_loses_nothing_that_it_acknowledged(tmp_path, kills):
    believed, chance = Believed(), random.Random(kills)
    for number in range(kills):
        with subprocess.Popen(
            [sys.executable, "-c", BUSY, tmp_path, str(number)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as busy:
            try:
                for _ in range(chance.randint(1, 40)):
                    believed.hear(busy.stdout.readline())
                with suppress(subprocess.TimeoutExpired):
                    busy.wait(chance.uniform(0, 0.02))  # somewhere in whatever it does next
            finally:
                busy.send_signal(signal.SIGKILL)
            for line in busy.stdout:
                believed.hear(line)
        believed.check(tmp_path)
    assert len(believed.pixels) >= kills // 2


LIMITED = """
import os, resource, sys
from pipelines.request import TextToImageRequest
from tests.libraries import picture
from webui.library.search import Filters
from webui.library.store import Library

folder, kind = sys.argv[1], getattr(resource, sys.argv[2])
request = TextToImageRequest(prompt="a red circle")

def work(seed):
    library = Library(folder)
    try:
        made = library.keep("ann", request, picture(seed, 48))
        assert made.path or (made.image.startswith(bytes([137]) + b"PNG") and made.notice.endswith("."))
        everything = [*library.newest("ann", 999), *library.trash("ann", 999)]
        ids = [one.id for one in everything]
        for outcome in (library.star("ann", ids[:1]), library.delete("ann", ids[:1]), library.restore("ann", ids[-1:])):
            assert outcome.notice is None or outcome.notice.endswith(".")
        assert len(ids) >= len(kept - {None}) or library.notices
        library.find("ann", Filters(words="red"))
        for one in ids[:2]:
            library.thumbnail(one)
        b"".join(library.export("ann", ids[:2]))
        return made.id if made.path else None
    finally:
        library.close()

kept = set()
kept.add(work(0))  # everything is imported now
before = resource.getrlimit(kind)
free = max(map(int, os.listdir("/proc/self/fd"))) if sys.argv[2] == "RLIMIT_NOFILE" else 0
for seed, limit in enumerate(map(int, sys.argv[3:]), 1):
    resource.setrlimit(kind, (free + limit, before[1]))
    try:
        kept.add(work(seed))
    finally:
        resource.setrlimit(kind, before)
library = Library(folder)
listed = {one.id for one in (*library.newest("ann", 999), *library.trash("ann", 999))}
print(len(kept - {None}), len(listed), (kept - {None}) <= listed, *library.notices)
"""
LIMITS = {
    "RLIMIT_NOFILE": range(12),  # EMFILE, also where SQLite opens its files
    "RLIMIT_FSIZE": (0, 1, 100, 3000, 4096, 8000, 20_000, 33_000, 60_000, 100_000, 150_000, 10**7),  # no room left
}


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("kind", LIMITS)
def test_a_system_that_really_refuses(tmp_path, kind):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path, kind, *map(str, LIMITS[kind])],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    acknowledged, listed, *rest = done.stdout.split(maxsplit=3)
    assert rest == ["True"], "all are listed, and nothing was damaged"
    assert 2 <= int(acknowledged) < 1 + len(LIMITS[kind]), "some were kept, and some were refused"
    assert int(acknowledged) == int(listed)
    with opened(tmp_path) as library:
        for one in (*library.newest("ann", 99), *library.trash("ann")):
            with Image.open(one.path) as image:
                image.load()


CALLS = {
    (os, "open"),
    (os, "fdopen"),
    (os, "fsync"),
    (os, "link"),
    (os, "scandir"),
    (os, "listdir"),
    (Path, "mkdir"),
    (Path, "rename"),
    (Path, "replace"),
    (Path, "unlink"),
    (Path, "open"),
    (Path, "stat"),
    (Path, "iterdir"),
    (sqlite3, "connect"),
}
FAULTS = (errno.ENOSPC, errno.EACCES, errno.EMFILE)


@contextmanager
def failing(monkeypatch: pytest.MonkeyPatch, call: tuple[object, str], number: int, at: int) -> Iterator[list[int]]:
    """The n-th such call fails, and every one after it."""
    owner, name = call
    real, calls = getattr(owner, name), [0]

    def counted(*arguments: object, **more: object) -> object:
        calls[0] += 1
        if calls[0] > at and ":memory:" not in arguments:
            if owner is sqlite3:
                raise sqlite3.OperationalError("unable to open database file")
            raise OSError(number, os.strerror(number))
        return real(*arguments, **more)

    with monkeypatch.context() as broken:
        broken.setattr(owner, name, counted)
        yield calls


@pytest.mark.parametrize("number", FAULTS, ids=errno.errorcode.get)
@pytest.mark.parametrize("call", sorted(CALLS, key=str), ids=lambda call: f"{call[0].__name__}.{call[1]}")
@pytest.mark.parametrize("at", [0, 2, 5])
def test_any_call_may_fail_at_any_time(tmp_path, monkeypatch, call, number, at):
    request = TextToImageRequest(prompt="a red circle")
    with opened(tmp_path) as library:
        before = [library.keep("ann", request, picture(seed, 8)) for seed in range(3)]
        library.delete("ann", [before[0].id])
    with failing(monkeypatch, call, number, at), opened(tmp_path) as library:
        begun = {"image": picture(4).image, "mask_image": Image.new("L", (64, 64), 255)}
        edit = library.keep("ann", InpaintRequest(prompt="a red circle", **begun), picture(8), parent=before[1].id)
        made = library.keep("ann", request, picture(9, 8))
        for one in (edit, made):
            assert one.path is not None or one.image.startswith(b"\x89PNG"), "it is delivered in any case"
        for outcome in (
            library.star("ann", [before[1].id]),
            library.delete("ann", [before[2].id]),
            library.restore("ann", [before[0].id]),
        ):
            assert outcome.notice is None or outcome.notice.endswith(".")
        library.find("ann", Filters(words="red"))
        library.thumbnail(before[1].id)
    with opened(tmp_path) as library:
        everything = {*ids(library.newest("ann", 99)), *ids(library.trash("ann"))}
        assert set(ids(before)) <= everything
        assert (made.id in everything) == (made.path is not None)
        assert edit.notice or set(library.inputs("ann", edit.id)) == {"image", "mask_image"}
        for one in (*library.newest("ann", 99), *library.trash("ann")):
            assert read_recipe(one.path).seed in (0, 1, 2, 8, 9)
            with Image.open(one.path) as image:
                image.load()
