"""Models by Hub id, against a server on this machine that speaks the Hub's language; the library is the real one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import ModelError
from pipelines.hub import Hub, is_repo_id
from pipelines.models import Catalogue
from tests.hollow_files import hollow
from tests.hub_server import HubServer, serving
from tests.offline import write_sitecustomize
from tests.studio import ROOT
from webui.flags import parse
from webui.serve import _backend

REPO = "anna/dreams"

Ask = Callable[..., Any]

UNWANTED = {
    "unet/diffusion_pytorch_model.bin": b"pickle",
    "unet/diffusion_pytorch_model.fp16.safetensors": b"half",
    "unet/diffusion_pytorch_model.non_ema.safetensors": b"other",
    "unet/diffusion_flax_model.msgpack": b"flax",
    "dreams.safetensors": b"single",
    "dreams.ckpt": b"pickle",
    "pipeline.py": b"raise SystemExit",
    "safety_checker/model.safetensors": b"not used",
    "README.md": b"# Dreams",
}


@pytest.fixture
def server(tmp_path: Path, tiny_model_dir: Path) -> Iterator[HubServer]:
    """A Hub with one model, and all that people put beside such."""
    shutil.copytree(tiny_model_dir, tmp_path / "hub" / REPO)
    for name, data in UNWANTED.items():
        path = tmp_path / "hub" / REPO / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    with serving(tmp_path / "hub") as server:
        yield server


@pytest.fixture
def ask(tmp_path: Path, server: HubServer) -> Ask:
    """Runs a program that uses the Hub in a Python of its own, since whether it is offline is decided at import."""
    write_sitecustomize(tmp_path)

    def run(program: str, **environment: str) -> Any:
        usual = {"HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0"}
        head = (
            "import json\nfrom pipelines.errors import ReverieError\nfrom pipelines.hub import Hub\n"
            "from pipelines.models import Catalogue\n"
            "catalogue = Catalogue(hub=Hub())\n"
            "def sentence(ask, *arguments, **named):\n"
            "    try: ask(*arguments, **named)\n"
            "    except ReverieError as error: return type(error).__name__ + ': ' + str(error)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", head + textwrap.dedent(program)],
            env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", **usual, **environment},
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


FETCH = """
told = []
info = catalogue.fetch(catalogue.find("anna/dreams"), lambda done, what: told.append((done, what)))
print(json.dumps({"told": told, "kind": info.kind, "family": info.family, "folder": str(info.folder),
                  "tasks": info.tasks, "size": info.size_bytes, "listed": [one.id for one in catalogue.models()]}))
"""


def test_it_is_fetched_once_with_progress_and_is_there_offline(
    ask: Ask, server: HubServer, tiny_model_dir: Path
) -> None:
    first = ask(FETCH)
    assert first["kind"] == "hub" and first["family"] == "stable-diffusion" and len(first["tasks"]) == 3
    shares = [done for done, _ in first["told"]]
    assert shares == sorted(shares) and shares[-1] == 1.0 and first["told"][0][1] == f"Downloading {REPO}"
    assert first["listed"] == ["starter", REPO]
    folder = Path(first["folder"])
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    for name in there:
        assert (folder / name).read_bytes() == (tiny_model_dir / name).read_bytes()
    weights = {path.relative_to(tiny_model_dir).as_posix() for path in tiny_model_dir.rglob("*.safetensors")}
    assert weights and weights <= there and not there & set(UNWANTED)
    assert first["size"] == sum((tiny_model_dir / name).stat().st_size for name in weights)
    asked = len(server.asked)
    again = ask(FETCH)
    assert again["told"] == [] and again["folder"] == first["folder"] and len(server.asked) == asked
    server.broken = True
    assert ask(FETCH, HF_HUB_OFFLINE="1")["listed"] == ["starter", REPO]


def test_what_it_is_is_known_before_its_weights_are_fetched(ask: Ask, server: HubServer) -> None:
    program = """
        info = catalogue.find("anna/dreams")
        print(json.dumps([info.tasks, info.native_size, info.size_bytes, [one.id for one in catalogue.models()]]))
    """
    tasks, native, size, listed = ask(program)
    assert len(tasks) == 3 and native == 64 and size == 0 and listed == ["starter"]
    assert not [line for line in server.asked if line.startswith("GET") and ".safetensors" in line]


def test_a_download_that_was_stopped_goes_on(ask: Ask, server: HubServer, tmp_path: Path) -> None:
    program = """
        told = []
        info = catalogue.find("anna/dreams")
        print(json.dumps(sentence(catalogue.fetch, info, lambda *now: told.append(now), lambda: len(told) >= 2)))
    """
    sentence = ask(program)
    assert sentence == "Cancelled: The download of anna/dreams was stopped; it goes on from here the next time."
    there = {"/".join(path.parts[-2:]) for path in tmp_path.glob("home/hub/models--*/snapshots/*/*/*.safetensors")}
    asked, sent = len(server.asked), server.sent
    finished = ask(FETCH)
    assert finished["told"][-1][0] == 1.0 and finished["listed"] == ["starter", REPO]
    again = {
        "/".join(line.split("/")[-2:]) for line in server.asked[asked:] if line.startswith("GET") and "resolve" in line
    }
    assert there and again and not there & again, "what has arrived is not fetched again"
    assert server.sent - sent < finished["size"]


def test_a_file_that_breaks_off_is_gone_on_with(ask: Ask, server: HubServer) -> None:
    """The library writes pieces of ten megabytes; what it has written is not asked for again."""
    large = hollow(server.root / REPO / "vae" / "diffusion_pytorch_model.safetensors", {"x": (12_000_000,)})
    server.cut = 15_000_000
    told = ask(FETCH)
    assert server.cut == 0 and server.resumed == 1
    assert (Path(told["folder"]) / "vae" / large.name).read_bytes() == large.read_bytes()


def test_what_cannot_be_had_is_one_sentence(ask: Ask, server: HubServer, tmp_path: Path) -> None:
    for name in ("pickled", "gated", "single", "odd", "hostile"):
        shutil.copytree(server.root / REPO, server.root / "anna" / name)
    for path in (server.root / "anna" / "pickled" / "vae").glob("*.safetensors"):
        path.rename(path.with_suffix(".bin"))
    (server.root / "anna" / "single" / "model_index.json").unlink()
    for name, values in {"odd": {"_class_name": "AudioPipeline"}, "hostile": {"unet": ["os", "system"]}}.items():
        index = server.root / "anna" / name / "model_index.json"
        index.write_text(json.dumps(json.loads(index.read_text()) | values))
    server.gated.add("anna/gated")
    program = """
        def fetch(name): catalogue.fetch(catalogue.find(name))
        names = ["nobody/nothing", "anna/gated", "anna/pickled", "anna/single", "anna/odd", "anna/hostile", "a b/c"]
        print(json.dumps({name: sentence(fetch, name) for name in names}))
    """
    said = ask(program)
    words = {
        "nobody/nothing": "is not on the Hub, or is private",
        "anna/gated": "is gated: its owner asks for consent",
        "anna/pickled": "vae has no .safetensors weights",
        "anna/single": "has no model_index.json",
        "anna/odd": "its pipeline is AudioPipeline",
        "anna/hostile": "comes from 'os'",
        "a b/c": "is not installed",
    }
    for name, part in words.items():
        assert said[name].startswith("ModelError: model is ") and part in said[name] and said[name].endswith("."), said
        assert "\n" not in said[name]
    server.broken = True
    program = 'print(json.dumps(sentence(catalogue.find, "anna/other")))'
    assert "the Hub" in ask(program)
    assert "HF_HUB_OFFLINE" in ask(program, HF_HUB_OFFLINE="1")
    assert "the Hub cannot be reached" in ask(program, HF_ENDPOINT="http://127.0.0.1:9")


def test_a_studio_that_must_not_download_asks_nobody(tmp_path: Path, server: HubServer) -> None:
    hub = Hub(tmp_path / "cache", downloads=False, endpoint=server.url)
    with pytest.raises(ModelError, match=r"anna/dreams.*does not download.*--allow-downloads"):
        Catalogue(hub=hub).find(REPO)
    assert server.asked == [] and Catalogue(hub=hub).models()[1:] == []
    with pytest.raises(ModelError, match=r"is not installed"):
        Catalogue().find(REPO)


@pytest.mark.parametrize("name", ["a/b", "stable-diffusion-v1-5/stable-diffusion-v1-5", "x.y_z/1"])
def test_a_hub_id_has_two_names(name: str) -> None:
    assert is_repo_id(name)


@pytest.mark.parametrize(
    "name",
    ["a", "a/b/c", "../b", "a/..", "a/.b", "/a", "a/", "a--b/c", "a/b c", "a/b\n", "a" * 97 + "/b", "https://a/b"],
)
def test_what_is_no_hub_id(name: str) -> None:
    assert not is_repo_id(name)
    with pytest.raises(ModelError, match="is no Hub id"):
        Hub().look(name)


@pytest.mark.parametrize("damage", ["no weights", "a shard is missing", "nonsense index", "bad commit"])
def test_what_is_not_whole_is_not_listed(tmp_path: Path, tiny_model_dir: Path, damage: str) -> None:
    repo = tmp_path / "models--anna--dreams"
    commit = "b" * 40
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text(commit)
    shutil.copytree(tiny_model_dir, repo / "snapshots" / commit)
    assert Hub(tmp_path).repos() == [REPO]
    unet = repo / "snapshots" / commit / "unet"
    if damage == "no weights":
        next(unet.glob("*.safetensors")).unlink()
    elif damage == "bad commit":
        (repo / "refs" / "main").write_text("../../..")
    else:
        listed = {"weight_map": {"x": "missing.safetensors"}} if "shard" in damage else []
        (unet / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(listed))
    assert Hub(tmp_path).repos() == []


@pytest.mark.parametrize(
    ("flags", "shared", "downloads"),
    [
        ([], False, True),
        ([], True, False),
        (["--allow-downloads"], True, True),
        (["--no-hub"], False, None),
        (["--no-hub", "--allow-downloads"], True, None),
    ],
)
def test_a_stranger_downloads_only_where_the_host_says_so(
    flags: list[str], shared: bool, downloads: bool | None
) -> None:
    manager = _backend([], parse(flags), shared=shared)
    listed = manager.catalogue._hub
    assert (listed.hub.downloads if listed else None) is downloads
    manager.close()
