"""What edits began with is kept by its digest, given back to its owner only, and goes with its last picture."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipelines.events import ImageFinished
from pipelines.request import ImageToImageRequest, InpaintRequest
from tests.libraries import opened, picture, smooth
from webui.library import inputs as room
from webui.library.picture import SavedPicture
from webui.library.recipe import digest
from webui.library.store import LOST, Library

START = smooth()
MASK = Image.new("L", (64, 64), 0)
MASK.paste(255, (16, 16, 48, 48))


def inpainted(library: Library, owner: str = "ann", seed: int = 7, **told: Any) -> SavedPicture:
    request = InpaintRequest(**{"prompt": "a star", "image": START, "mask_image": MASK, "seed": seed} | told)
    return library.keep(owner, request, picture(seed))


def files(folder: Path) -> set[str]:
    return {path.stem for path in (folder / ".inputs").glob("*/*.png")}


def names(*images: Image.Image) -> set[str]:
    return {digest(image).removeprefix("sha256:") for image in images}


def test_source_and_mask_are_kept_once_and_given_back_to_the_last_bit(tmp_path: Path) -> None:
    with opened(tmp_path) as library:
        first, second = inpainted(library), inpainted(library, seed=8)
        assert files(tmp_path) == names(START, MASK)
        kept = library.inputs("ann", second.id)
        assert (kept["image"].tobytes(), kept["mask_image"].tobytes()) == (START.tobytes(), MASK.tobytes())
        assert library.inputs("ben", first.id) == library.inputs("ann", "0" * 32) == {}
    with opened(tmp_path) as library:
        assert set(library.inputs("ann", first.id)) == {"image", "mask_image"}


def test_nothing_but_pixels_is_kept(tmp_path: Path) -> None:
    upload = START.copy()
    upload.info |= {"comment": "GPSCANARY", "icc_profile": b"GPSCANARY"}
    with opened(tmp_path) as library:
        library.keep("ann", ImageToImageRequest(prompt="x", image=upload), picture())
    (file,) = (tmp_path / ".inputs").glob("*/*.png")
    assert b"GPSCANARY" not in file.read_bytes()
    with Image.open(file) as image:
        assert image.info == {}


def test_what_the_parent_has_is_not_kept_twice(tmp_path: Path) -> None:
    with opened(tmp_path) as library:
        parent = library.keep("ann", ImageToImageRequest(prompt="x", image=START), picture(3))
        request = ImageToImageRequest(prompt="x", image=picture(3).image)
        child = library.keep("ann", request, picture(4), parent=parent.id)
        branch = library.keep("ann", request, picture(5), parent=child.id, edit="branch")
        assert files(tmp_path) == names(START)
        for one in (child, branch):
            assert library.inputs("ann", one.id)["image"].tobytes() == picture(3).image.tobytes()
            source = library.source_of("ann", one.id)
            assert source is not None and source.id == parent.id
        library.delete("ann", [parent.id])
        assert library.inputs("ann", branch.id), "it lies in the trash"
        library.empty_trash("ann", [parent.id])
        assert library.inputs("ann", branch.id) == {}
        stranger = library.keep("ben", request, picture(6), parent=child.id)
        assert names(picture(3).image) <= files(tmp_path), "somebody else's parent is none"
        assert library.inputs("ben", stranger.id)


def test_it_goes_with_the_last_picture_that_began_with_it(tmp_path: Path) -> None:
    with opened(tmp_path) as library:
        first, second = inpainted(library), inpainted(library, "ben", 8)
        library.delete("ann", [first.id])
        library.empty_trash("ann")
        assert files(tmp_path) == names(START, MASK)
        library.delete("ben", [second.id])
        assert files(tmp_path) == names(START, MASK), "the trash counts"
        library.restore("ben", [second.id])
        library.delete("ben", [second.id])
        library.empty_trash("ben")
        assert files(tmp_path) == set()


@pytest.mark.parametrize("lose", ["index", "nothing"])
def test_a_start_removes_what_was_left_over_and_nothing_else(tmp_path: Path, lose: str) -> None:
    with opened(tmp_path) as library:
        kept = inpainted(library)
        library._inputs.keep({digest(picture(1).image): picture(1).image})
        library._inputs.keep({digest(picture(2).image): picture(2).image})
    for path in (tmp_path / ".inputs").glob("*/*.png"):
        if path.stem in names(START, MASK, picture(1).image):
            os.utime(path, (1, 1))
    if lose == "index":
        (tmp_path / ".library" / "index.sqlite3").unlink()
    with opened(tmp_path) as library:
        assert files(tmp_path) == names(START, MASK, picture(2).image), "what is quite new may be another program's"
        assert set(library.inputs("ann", kept.id)) == {"image", "mask_image"}


def test_where_a_picture_cannot_be_looked_at_nothing_is_left_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as library:
        inpainted(library)
    for path in (tmp_path / ".inputs").glob("*/*.png"):
        os.utime(path, (1, 1))
    (tmp_path / ".library" / "index.sqlite3").unlink()

    def refused(path: Path) -> bool:
        raise PermissionError(errno.EACCES, "not yours", str(path))

    with monkeypatch.context() as patch:
        patch.setattr("webui.library.catalog.is_whole", refused)
        with opened(tmp_path):
            assert files(tmp_path) == names(START, MASK)


def test_a_damaged_file_is_no_source(tmp_path: Path) -> None:
    with opened(tmp_path) as library:
        saved = inpainted(library)
        for path in (tmp_path / ".inputs").glob("*/*.png"):
            Image.new("L", (64, 64), 9).save(path)
        assert library.inputs("ann", saved.id) == {}
        for path in (tmp_path / ".inputs").glob("*/*.png"):
            path.write_bytes(b"no picture")
        assert library.inputs("ann", saved.id) == {}
        assert library._inputs.get("sha256:../../etc") is library._inputs.get(7) is None


def test_a_full_disk_is_a_notice_and_the_picture_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    with opened(tmp_path) as library:
        with monkeypatch.context() as patch:
            patch.setattr(room, "write_new", full)
            saved = inpainted(library)
        assert saved.path is not None and saved.notice == f"The disk is full, so {LOST}"
        assert library.inputs("ann", saved.id) == {} and files(tmp_path) == set()
        left = [1]

        def tight(folder: Path, data: bytes, *rest: Any) -> Path:
            if left.pop() if left else False:
                raise OSError(errno.ENOSPC, "no space left")
            return real(folder, data, *rest)

        real = type(library._keeper)._write
        monkeypatch.setattr(type(library._keeper), "_write", tight)
        saved = inpainted(library, seed=9, image=picture(30).image)
        assert saved.path is not None and saved.notice == f"The disk is full, so {LOST}"
        assert files(tmp_path) == names(MASK), "the source made room; the mask is named by another picture"


def test_a_request_of_words_alone_keeps_nothing(tmp_path: Path) -> None:
    from pipelines.request import TextToImageRequest

    with opened(tmp_path) as library:
        library.keep("ann", TextToImageRequest(prompt="x"), ImageFinished(0, START, 7))
    assert not (tmp_path / ".inputs").exists()
