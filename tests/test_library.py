"""The library keeps every picture whole, finds it again for its owner only, and never stands in the way."""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from PIL import Image

from pipelines.events import GenerationEvent, GenerationFinished, GenerationStarted, ImageFinished
from pipelines.request import GenerationRequest, ImageToImageRequest, TextToImageRequest
from webui.jobs import JobQueue
from webui.library import files
from webui.library.embed import read_parameters, read_recipe
from webui.library.index import PictureIndex
from webui.library.infotext import read_infotext
from webui.library.names import USUAL_PATTERN, Facts, first_words, name_for
from webui.library.recipe import write_recipe
from webui.library.store import Library

ROOT = Path(__file__).resolve().parent.parent
REQUEST = TextToImageRequest(prompt="A red circle, on a blue background!", negative_prompt="text", seed=7)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[], Library]]:
    """Opens the same library, as often as a test likes; each closes the one before, as a restart does."""
    libraries: list[Library] = []

    def open_library() -> Library:
        for library in libraries:
            library.close()
        libraries.append(Library(tmp_path / "outputs"))
        return libraries[-1]

    yield open_library
    for library in libraries:
        library.close()


@pytest.fixture
def library(opened: Callable[[], Library]) -> Library:
    return opened()


def picture(seed: int = 7, size: int = 64) -> ImageFinished:
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return ImageFinished(0, Image.fromarray(pixels, "RGB"), seed)


def ids(pictures) -> list[str]:
    return [one.id for one in pictures]


def same_pixels(path: Path, image: Image.Image) -> bool:
    with Image.open(path) as kept:
        return kept.size == image.size and kept.tobytes() == image.tobytes()


def no_parts(folder: Path) -> bool:
    return not list(folder.rglob("*.part"))


# ---- keeping


def test_a_picture_is_a_file_with_its_recipe_and_a_row(library):
    event = picture()
    saved = library.keep("ann", REQUEST, event)

    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d/\d{6}-7-a-red-circle-on-a-blue-background\.png",
        saved.path.relative_to(library.folder).as_posix(),
    )
    assert same_pixels(saved.path, event.image)
    assert (saved.width, saved.height, saved.seed, saved.prompt) == (64, 64, 7, REQUEST.prompt)
    assert abs((datetime.now(timezone.utc) - saved.created).total_seconds()) < 60
    assert (saved.image, saved.notice) == (None, None)
    assert read_parameters(saved.path) == saved.infotext
    assert read_infotext(saved.infotext)["prompt"] == REQUEST.prompt
    assert read_recipe(saved.path) == library.recipe("ann", saved.id)
    assert library.get("ann", saved.id) == saved
    assert library.newest("ann", 10) == (saved,)
    assert library.notices == ()
    assert no_parts(library.folder)


def test_the_model_and_the_parent_are_written_down(library):
    class Model:
        id, name, hash = "starter", "The starter", "ab" * 32

    first = library.keep("ann", REQUEST, picture())
    second = library.keep("ann", REQUEST, picture(8), model=Model(), parent=first.id)

    recipe = read_recipe(second.path)
    assert recipe.parent == first.id
    assert recipe.model.model_dump() == {"id": "starter", "name": "The starter", "hash": "ab" * 32}
    assert "Model hash: ababababab, Model: The starter" in second.infotext


def test_pictures_are_paged_newest_first(library):
    kept = [library.keep("ann", REQUEST, picture(seed)).id for seed in range(7)][::-1]

    first = library.newest("ann", 3)
    second = library.newest("ann", 3, before=first[-1].id)
    third = library.newest("ann", 3, before=second[-1].id)
    assert ids(first + second + third) == kept
    assert library.newest("ann", 3, before=kept[-1]) == ()
    assert library.newest("ann", 3, before="no such picture") == ()
    assert library.newest("ann", 0) == ()


def test_files_removed_by_hand_are_not_listed(library):
    kept = [library.keep("ann", REQUEST, picture(seed)) for seed in range(6)][::-1]
    for gone in (kept[0], kept[1], kept[3]):
        gone.path.unlink()

    assert ids(library.newest("ann", 3)) == ids([kept[2], kept[4], kept[5]])
    assert library.get("ann", kept[0].id) is None
    assert library.thumbnail(kept[0].id) is None
    assert library.recipe("ann", kept[0].id) is None


def test_a_file_moved_by_hand_is_found_again_after_a_restart(opened):
    library = opened()
    saved = library.keep("ann", REQUEST, picture())
    moved = library.folder / "best of" / "sky.png"
    moved.parent.mkdir()
    saved.path.rename(moved)

    library = opened()

    assert library.get("ann", saved.id).path == moved
    assert ids(library.newest("ann", 5)) == [saved.id]


# ---- names


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("A red circle", "a-red-circle"),
        ("../../etc/passwd", "etc-passwd"),
        ('con: <b>"a"|?*\\/\x00\x1f', "con-b-a"),
        ("a" * 500, "a" * 48),
        ("one " * 100, "one-one-one-one-one-one-one-one-one-one-one-one"),
        ("日本語" * 40, "日本語" * 5 + "日"),
        ("\u202eevil\u202c gnp.exe", "evil-gnp-exe"),
        ("!!! ...", ""),
        ("e\u0301te\u0301", "été"),
    ],
)
def test_names_hold_the_first_words_and_nothing_unsafe(prompt, words):
    assert first_words(prompt) == words
    recipe = write_recipe(TextToImageRequest(prompt=prompt), picture(5))
    path = name_for(USUAL_PATTERN, Facts(recipe, datetime(2026, 1, 31, 14, 25, 7, tzinfo=timezone.utc)))
    assert path.parent == PurePosixPath("2026-01-31")
    assert path.name == (f"142507-5-{words}" if words else "142507-5")
    assert not re.search(r'[<>:"/\\|?*\x00-\x1f]', path.name)
    assert len(path.name.encode()) <= 80


def test_no_picture_ever_takes_anothers_place(library):
    """Many threads keep pictures that would all have the same name within a second."""
    events = [picture(seed) for seed in range(40)]
    same = [ImageFinished(0, event.image, 7) for event in events]
    kept: list[tuple[Image.Image, Path]] = []

    def keep(part: list[ImageFinished]) -> None:
        kept.extend((event.image, library.keep("ann", REQUEST, event).path) for event in part)

    threads = [threading.Thread(target=keep, args=(same[start::8],)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({path for _, path in kept}) == 40
    assert all(same_pixels(path, image) for image, path in kept)
    assert len(library.newest("ann", 100)) == 40
    assert no_parts(library.folder)


@pytest.mark.parametrize("links", [True, False])
def test_a_file_is_never_written_over(tmp_path, monkeypatch, links):
    def no_links(*paths: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    if not links:
        monkeypatch.setattr(os, "link", no_links)
    files.write_new(tmp_path / "a.png", b"first")
    with pytest.raises(FileExistsError):
        files.write_new(tmp_path / "a.png", b"second")

    assert (tmp_path / "a.png").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


# ---- whose


def test_other_owners_see_nothing(library):
    mine = [library.keep("ann", REQUEST, picture(seed)) for seed in range(3)]
    his = library.keep("ben", REQUEST, picture(9))

    assert ids(library.newest("ben", 10)) == [his.id]
    assert library.newest("", 10) == library.newest("ann ", 10) == ()
    assert library.get("ben", mine[0].id) is None
    assert library.recipe("ben", mine[0].id) is None
    assert library.newest("ben", 10, before=mine[0].id) == ()
    assert mine[0].owner != his.owner


def test_the_token_is_in_no_file_and_the_salt_differs(library, tmp_path):
    token = "0123456789abcdef-secret-token"
    saved = library.keep(token, REQUEST, picture())
    library.thumbnail(saved.id)
    for path in library.folder.rglob("*"):
        assert token.encode() not in (path.read_bytes() if path.is_file() else b"")
    assert token not in repr(saved)

    elsewhere = Library(tmp_path / "elsewhere")
    assert elsewhere.keep(token, REQUEST, picture()).owner != saved.owner
    elsewhere.close()
    if os.name == "posix":
        assert (library.folder / ".owner-salt").stat().st_mode & 0o077 == 0


def test_what_an_upload_carried_does_not_travel(library, tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "GPSCANARY"
    exif.get_ifd(0x8825)[1] = "N"
    upload = Image.new("RGB", (64, 64), "teal")
    upload.save(tmp_path / "phone.jpg", exif=exif, icc_profile=b"GPSCANARY", comment=b"GPSCANARY", dpi=(300, 300))
    with Image.open(tmp_path / "phone.jpg") as opened:
        request = ImageToImageRequest(prompt="a cat", image=opened)
        result = opened.copy()
    result.info |= {"exif": exif.tobytes(), "icc_profile": b"GPSCANARY", "comment": "GPSCANARY"}

    saved = library.keep("ann", request, ImageFinished(0, result, 7))

    for data in (saved.path.read_bytes(), library.thumbnail(saved.id)):
        assert b"GPSCANARY" not in data
    with Image.open(saved.path) as kept:
        assert set(kept.info) == {"parameters", "reverie"}
        assert not kept.getexif()


# ---- thumbnails


def test_a_thumbnail_is_small_and_kept(library):
    image = Image.new("RGB", (1024, 512), "teal")
    saved = library.keep("ann", REQUEST, ImageFinished(0, image, 7))

    small = library.thumbnail(saved.id)
    assert small.startswith(b"\xff\xd8")
    (kept,) = (library.folder / ".library" / "thumbnails").rglob("*.jpg")
    with Image.open(kept) as thumbnail:
        assert thumbnail.size == (320, 160)
    kept.write_bytes(b"kept")
    assert library.thumbnail(saved.id) == b"kept"
    assert library.thumbnail("no such picture") is None


# ---- the index


def remove(index: Path) -> None:
    for path in index.parent.glob(index.name + "*"):
        path.unlink()


def remove_folder(index: Path) -> None:
    shutil.rmtree(index.parent)


def junk(index: Path) -> None:
    remove(index)
    index.write_bytes(b"junk" * 5000)


def truncate(index: Path) -> None:
    os.truncate(index, index.stat().st_size // 2)


def scratch(index: Path) -> None:
    with index.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)


def another_table(index: Path) -> None:
    remove(index)
    with sqlite3.connect(index) as database:
        database.execute("CREATE TABLE pictures (words TEXT)")
    database.close()


def a_later_version(index: Path) -> None:
    with sqlite3.connect(index) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()


def empty(index: Path) -> None:
    remove(index)
    index.touch()


@pytest.mark.parametrize(
    "harm", [remove, remove_folder, junk, truncate, scratch, another_table, a_later_version, empty]
)
def test_an_index_that_is_missing_or_damaged_is_made_again_from_the_files(opened, harm):
    library = opened()
    kept = [library.keep("ann", REQUEST, picture(seed)) for seed in range(12)]
    his = library.keep("ben", REQUEST, picture(99))
    library.close()
    harm(library.folder / ".library" / "index.sqlite3")

    library = opened()

    assert library.newest("ann", 100) == tuple(reversed(kept))
    assert library.newest("ben", 100) == (his,)
    aside = list((library.folder / ".library").glob("index.sqlite3.damaged-*"))
    damaged = harm not in (remove, remove_folder, empty)
    assert len(aside) == len(library.notices) == damaged
    if damaged:
        assert library.notices[0].startswith("The index of the pictures was damaged; it was set aside as ")
        assert aside[0].name in library.notices[0]
    assert library.keep("ann", REQUEST, picture(100)).id == library.newest("ann", 1)[0].id
    assert opened().notices == ()


def test_an_index_damaged_while_it_is_open_heals(library):
    kept = [library.keep("ann", REQUEST, picture(seed, 8)) for seed in range(30)]
    with sqlite3.connect(library.folder / ".library" / "index.sqlite3") as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.close()
    scratch(library.folder / ".library" / "index.sqlite3")
    with sqlite3.connect(library.folder / ".library" / "index.sqlite3") as other:
        other.execute("PRAGMA user_version = 3")  # a change by another program empties the page cache
    other.close()

    saved = library.keep("ann", REQUEST, picture(99, 8))

    assert library.newest("ann", 100) == (saved, *reversed(kept))
    assert len(library.notices) == 1


def test_files_without_a_row_are_listed_after_a_restart(opened):
    library = opened()
    kept = library.keep("ann", REQUEST, picture())
    library._catalog.ask(lambda index: index.remove([kept.path.relative_to(library.folder).as_posix()]))
    assert library.newest("ann", 5) == ()

    assert opened().newest("ann", 5) == (kept,)


def test_only_whole_pictures_of_our_own_are_listed(opened):
    library = opened()
    kept = library.keep("ann", REQUEST, picture())
    day, whole = kept.path.parent, kept.path.read_bytes()
    for number, cut in enumerate((0, 7, 100, len(whole) // 2, len(whole) - 1)):
        (day / f"cut-{number}.png").write_bytes(whole[:cut])
    Image.new("RGB", (8, 8)).save(day / "holiday.png")
    (day / "text.png").write_text("no picture")
    (day / "folder.png").mkdir()
    (day / ".hidden.png").write_bytes(whole)
    (library.folder / ".library" / "index.sqlite3").unlink()

    library = opened()

    assert library.newest("ann", 10) == (kept,)


def test_parts_of_programs_that_are_gone_are_removed(opened):
    library = opened()
    day = library.keep("ann", REQUEST, picture()).path.parent
    old, fresh = day / ".0123.part", day / ".4567.part"
    for part in (old, fresh):
        part.write_bytes(b"half a picture")
    os.utime(old, (time.time() - 600,) * 2)

    opened()

    assert not old.exists()
    assert fresh.exists(), "another program may be writing it now"


def test_a_damaged_salt_is_set_aside_and_told(opened):
    library = opened()
    kept = library.keep("ann", REQUEST, picture())
    (library.folder / ".owner-salt").write_text("zz")

    library = opened()

    assert "key that tells whose pictures are whose was damaged" in library.notices[0]
    assert library.newest("ann", 5) == ()
    assert kept.path.exists()
    again = library.keep("ann", REQUEST, picture())
    assert opened().newest("ann", 5) == (again,)


# ---- when the disk fails

FAULTS = [errno.ENOSPC, errno.EACCES, errno.EMFILE, errno.EROFS, errno.EIO]
CALLS = [(os, "open"), (os, "fdopen"), (os, "fsync"), (Path, "mkdir")]


@pytest.mark.parametrize("number", FAULTS, ids=errno.errorcode.get)
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call[1])
def test_a_picture_that_cannot_be_saved_is_delivered(library, monkeypatch, call, number):
    def fail(*arguments: object, **more: object) -> None:
        raise OSError(number, os.strerror(number))

    event = picture()
    with monkeypatch.context() as broken:
        broken.setattr(*call, fail)
        saved = library.keep("ann", REQUEST, event)

    assert saved.path is None
    assert re.fullmatch(r"[A-Z].*, so this picture is not saved; download it before you leave the page\.", saved.notice)
    (library.folder.parent / "download.png").write_bytes(saved.image)
    assert same_pixels(library.folder.parent / "download.png", event.image)
    assert read_recipe(saved.image).seed == 7, "what is downloaded has the recipe inside"
    assert library.newest("ann", 5) == ()
    assert not list(library.folder.rglob("*.png"))
    after = library.keep("ann", REQUEST, event)
    assert library.newest("ann", 5) == (after,)


def test_a_write_that_stops_half_way_leaves_nothing(library, monkeypatch):
    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def write(self, data):
            self.file.write(data[: len(data) // 2])
            self.file.flush()
            raise OSError(errno.ENOSPC, "No space left on device")

    real = os.fdopen
    with monkeypatch.context() as broken:
        broken.setattr(os, "fdopen", lambda handle, mode: Full(real(handle, mode)))
        saved = library.keep("ann", REQUEST, picture())

    assert saved.notice.startswith("The disk is full, ")
    assert not list(library.folder.rglob("*.png"))
    assert no_parts(library.folder)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux' always-full device")
def test_a_disk_that_is_really_full(library, monkeypatch):
    full = os.open("/dev/full", os.O_WRONLY)
    with monkeypatch.context() as broken:
        broken.setattr(os, "open", lambda *arguments: full)
        saved = library.keep("ann", REQUEST, picture())

    assert saved.path is None
    assert saved.notice.startswith("The disk is full, ")


def test_a_folder_that_cannot_be_used_at_all_still_delivers(tmp_path):
    (tmp_path / "outputs").write_text("a file, where the folder should be")
    library = Library(tmp_path / "outputs")
    saved = library.keep("ann", REQUEST, picture())

    assert saved.path is None
    assert read_recipe(saved.image).seed == 7
    assert library.newest("ann", 5) == ()
    assert len(library.notices) == 2
    assert all(notice.endswith(".") for notice in library.notices)
    library.close()


def test_a_picture_that_cannot_be_indexed_is_listed_after_a_restart(opened, monkeypatch):
    def full(index: PictureIndex, rows: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    library = opened()
    with monkeypatch.context() as broken:
        broken.setattr(PictureIndex, "add", full)
        saved = library.keep("ann", REQUEST, picture())
        assert saved.path.exists()
        assert "only listed once the studio restarts" in saved.notice
        assert library.newest("ann", 5) == ()

    assert ids(opened().newest("ann", 5)) == [saved.id]


def test_the_queue_delivers_when_the_library_cannot(library, monkeypatch, caplog):
    class OnePicture:
        def generate(self, request: GenerationRequest) -> Iterator[GenerationEvent]:
            yield GenerationStarted((7,), 1)
            yield picture()
            yield GenerationFinished()

    def fail(*arguments: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    queue = JobQueue(OnePicture(), lambda job, event: library.keep(job.owner, job.request, event))
    try:
        with monkeypatch.context() as broken, caplog.at_level(logging.WARNING):
            broken.setattr(os, "fsync", fail)
            job = queue.submit("ann", REQUEST)
            view = job.view()
            while not view.ended:
                view = job.wait_for_change(view.version, 20)
        assert view.state == "finished"
        assert view.pictures[0].saved.image.startswith(b"\x89PNG")
        assert view.notices == (view.pictures[0].saved.notice,)
        assert view.notices[0].startswith("The disk is full, ")
    finally:
        queue.close()


# ---- when others are at work in the folder (programs that are killed: test_library_faults.py)

WRITER = """
import sys
import numpy as np
from PIL import Image
from pipelines.events import ImageFinished
from pipelines.request import TextToImageRequest
from webui.library.store import Library

library = Library(sys.argv[1])
chance = np.random.default_rng(int(sys.argv[2]))
while True:
    image = Image.fromarray(chance.integers(0, 256, (96, 96, 3), dtype=np.uint8), "RGB")
    saved = library.keep("ann", TextToImageRequest(prompt="a red circle"), ImageFinished(0, image, 7))
    print(saved.id, hash_of(image), flush=True)
""".replace("hash_of(image)", "__import__('hashlib').sha256(image.tobytes()).hexdigest()")


def test_two_programs_may_share_a_folder(opened, tmp_path):
    library = opened()
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, tmp_path / "outputs", "1"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as writer:
        theirs = [writer.stdout.readline().split()[0]]
        mine = [library.keep("ann", REQUEST, picture(seed)).id for seed in range(10)]
        theirs += [writer.stdout.readline().split()[0] for _ in range(10)]
        writer.kill()

    assert {*mine, *theirs} <= set(ids(library.newest("ann", 10_000)))
    assert library.notices == ()
