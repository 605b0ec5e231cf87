"""Proofs on the page: told step by step, on the visitor's behalf, and given up as soon as nobody waits for them."""

from __future__ import annotations

import datetime as dt
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from pipelines.events import ImageFinished
from pipelines.hashes import WeightsHashes
from pipelines.models import ModelInfo
from pipelines.request import TextToImageRequest
from tests.painter import PATIENCE, Painter, painted
from webui.library.embed import Stamp, encode_picture
from webui.library.recipe import write_recipe
from webui.proving import Proofs


class PaintingStudio(Painter):
    """A painter with what else a back end has."""

    def models(self) -> list[ModelInfo]:
        return []

    def status(self) -> str:
        return "Ready on paper"

    def warm_up(self) -> None:
        pass

    def close(self) -> None:
        pass


def kept(folder: Path, image: Image.Image) -> str:
    """A picture's file whose recipe says that it is the picture of seed 7."""
    request = TextToImageRequest(prompt="a kite", seed=7, width=64, height=64)
    recipe = write_recipe(request, ImageFinished(0, image, 7))
    now = dt.datetime.now(dt.UTC)
    path = folder / "kite.png"
    path.write_bytes(encode_picture(image, stamp=Stamp(id=secrets.token_hex(16), owner="", created=now, recipe=recipe)))
    return str(path)


def begin(proofs: Proofs, path: str) -> Iterator[str]:
    return proofs.run("page", "owner", path, image=None, mask_image=None)


@pytest.fixture
def painter() -> Iterator[PaintingStudio]:
    made = PaintingStudio(held=True)
    yield made
    made.let_go()


def test_each_step_is_told_and_in_the_end_what_came_of_it(painter: PaintingStudio, tmp_path: Path) -> None:
    said = begin(Proofs(painter, WeightsHashes()), kept(tmp_path, painted(7)))
    assert "Making it again …" in next(said)
    painter.allow("a kite", 1)
    assert "step 1 of 3" in next(said)
    painter.let_go()
    rest = list(said)
    assert "Identical" in rest[-1]
    assert [asked.owner for asked in painter.asked] == ["owner"]


def test_another_picture_is_shown_beside_the_old_one(painter: PaintingStudio, tmp_path: Path) -> None:
    painter.let_go()
    last = list(begin(Proofs(painter, WeightsHashes()), kept(tmp_path, Image.new("RGB", (64, 64)))))[-1]
    assert "Different" in last
    assert last.count("data:image/jpeg;base64,") == 2


@pytest.mark.parametrize("way", ["stopped", "closed", "begun again"])
def test_nothing_is_made_for_nobody(painter: PaintingStudio, tmp_path: Path, way: str) -> None:
    proofs, path = Proofs(painter, WeightsHashes()), kept(tmp_path, painted(7))
    said = begin(proofs, path)
    next(said)
    painter.allow("a kite", 1)
    assert "step 1 of 3" in next(said)
    if way == "stopped":
        proofs.stop("page")
    elif way == "closed":
        said.close()  # type: ignore[attr-defined]
    else:
        other = begin(proofs, path)
        next(other)
        proofs.stop("page")
    threads = [thread for thread in threading.enumerate() if thread.name == "reverie-proof"]
    painter.let_go()
    assert list(said) == ([] if way == "closed" else [""])  # what it said is taken back
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert len(painter.stepped) <= (3 if way == "begun again" else 2)  # one step more at most for each
    assert set(painter.closed) == {"a kite"}


def test_a_failure_is_a_sentence(painter: PaintingStudio, tmp_path: Path) -> None:
    path = kept(tmp_path, painted(7))
    Path(path).unlink()
    last = list(begin(Proofs(painter, WeightsHashes()), path))[-1]
    assert "Not possible" in last
    assert "no picture that can be read" in last
