"""Where pictures go and models come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from webui import places
from webui.refusal import CannotStart


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A checkout, a disk and a temporary folder that are not the real ones, and no Space."""
    monkeypatch.setattr(places, "ROOT", tmp_path / "checkout")
    monkeypatch.setattr(places, "DISK", tmp_path / "disk")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("SPACE_ID", raising=False)


def test_outputs_lie_beside_launch_and_are_made(tmp_path: Path) -> None:
    assert places.outputs_dir(None) == tmp_path / "checkout" / "outputs"
    assert (tmp_path / "checkout" / "outputs").is_dir()


def test_the_folder_asked_for_is_used_and_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert places.outputs_dir(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert places.outputs_dir(Path("~/dreams")) == tmp_path / "dreams"


def test_a_space_uses_its_disk_where_it_has_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "someone/reverie")
    assert places.outputs_dir(None) == tmp_path / "reverie-outputs"
    (tmp_path / "disk").mkdir()
    assert places.outputs_dir(None) == tmp_path / "disk" / "outputs"


def test_a_folder_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match=r"^Pictures cannot be kept in .*file.* \(.+\); .* --outputs-dir\.$"):
        places.outputs_dir(tmp_path / "file" / "outputs")


def test_models_lie_beside_launch_only_where_there_are_some(tmp_path: Path) -> None:
    assert places.models_dirs(()) == []
    (tmp_path / "checkout" / "models").mkdir(parents=True)
    assert places.models_dirs(()) == [tmp_path / "checkout" / "models"]


def test_the_models_folders_asked_for_replace_the_usual_one(tmp_path: Path) -> None:
    (tmp_path / "checkout" / "models").mkdir(parents=True)
    (tmp_path / "mine").mkdir()
    assert places.models_dirs((tmp_path / "mine", tmp_path)) == [tmp_path / "mine", tmp_path]
    with pytest.raises(CannotStart, match="nowhere is no folder"):
        places.models_dirs((tmp_path / "mine", tmp_path / "nowhere"))
