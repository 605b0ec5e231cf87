"""What files were found to be outlives the program, and never outlives the files; models do not wait for LoRAs."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest

from pipelines import shelf as shelf_module
from pipelines.findings import FORMAT, Finding, Findings
from pipelines.headers import Header, read_header
from pipelines.kinds import Kind
from pipelines.models import Catalogue
from tests.hollow_files import SD1, SDXL, hollow

LORA = {
    f"lora_unet_down_blocks_{block}_attentions_0_transformer_blocks_0_attn2_to_k.lora_{half}.weight": shape
    for block in range(180)
    for half, shape in (("down", (16, 768)), ("up", (320, 16)))
}


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files whose headers are read, in turn."""
    names: list[str] = []

    def noted(path: Path) -> Header:
        names.append(path.name)
        return read_header(path)

    monkeypatch.setattr(shelf_module, "read_header", noted)
    return names


def catalogue_of(root: Path) -> Catalogue:
    catalogue = Catalogue([root / "models"])
    catalogue.keep_in(root / "kept.json")
    return catalogue


@pytest.fixture
def root(tmp_path: Path) -> Path:
    hollow(tmp_path / "models/Stable-diffusion/dream.safetensors", SD1)
    hollow(tmp_path / "models/Lora/ink.safetensors", LORA, {"modelspec.trigger_phrase": "ink, drawing"})
    return tmp_path


def test_a_restart_reads_no_header_and_lists_the_same(root: Path, read: list[str]) -> None:
    first = catalogue_of(root)
    models, loras = first.models(), first.loras()
    assert sorted(read) == ["dream.safetensors", "ink.safetensors"] and loras[0].triggers == ("ink", "drawing")
    again = catalogue_of(root)
    assert (again.models(), again.loras(), len(read)) == (models, loras, 2)


def test_what_has_changed_is_read_again(root: Path, read: list[str]) -> None:
    catalogue_of(root).refused()
    hollow(root / "models/Stable-diffusion/dream.safetensors", SDXL)
    (root / "models/Lora/ink.json").write_text(json.dumps({"activation text": "pen"}))
    read.clear()
    again = catalogue_of(root)
    assert again.find("dream").family == "stable-diffusion-xl" and again.loras()[0].triggers == ("pen",)
    assert sorted(read) == ["dream.safetensors", "ink.safetensors"]
    scheduler = root / "models/Stable-diffusion/dream.components/scheduler/scheduler_config.json"
    scheduler.parent.mkdir(parents=True)
    scheduler.write_text(json.dumps({"prediction_type": "v_prediction"}))
    assert catalogue_of(root).find("dream").variant == "v_prediction"


def test_a_damaged_file_is_not_remembered(root: Path) -> None:
    (root / "models/Lora/ink.safetensors").write_bytes(b"not yet")
    assert any("ink" in info.problem for info in catalogue_of(root).refused())
    assert "ink.safetensors" not in (root / "kept.json").read_text()


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{", '{"rules": 1}', "\ud800", '{"rules": "RULES", "files": []}',
        '{"rules": "RULES", "files": {"PATH": [1]}}',
        '{"rules": "RULES", "files": {"PATH": [1, 2, 3, 4, 5, "lora", "", "", 7, "", "", 9, []]}}',
        '{"rules": "RULES", "files": {"PATH": [1, 2, 3, 4, 5, "lora", "", "", null, "", "", "x", []]}}',
        '{"rules": "other", "files": {"PATH": [STATE, "vae", "", "", null, "", "", 9, []]}}',
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_found_out_again(root: Path, text: str) -> None:
    catalogue_of(root).refused()
    kept = json.loads((root / "kept.json").read_text())
    path = str(root / "models/Lora/ink.safetensors")
    text = text.replace("RULES", kept["rules"]).replace("PATH", path)
    text = text.replace("STATE", ", ".join(map(str, kept["files"][path][:5])))
    (root / "kept.json").write_text(text, errors="surrogatepass")
    assert [file.name for file in catalogue_of(root).loras()] == ["ink"]
    assert json.loads((root / "kept.json").read_text())["rules"].startswith(f"{FORMAT}-")


def test_other_rules_forget_everything(tmp_path: Path) -> None:
    rules, kept = tmp_path / "kinds.json", tmp_path / "kept.json"
    rules.write_text("1")
    findings = Findings(rules)
    findings.keep_in(kept)
    finding = Finding(Kind("lora", "a LoRA", family="flux"), 5, ("ink",))
    findings.add(tmp_path / "a", (5, 1), finding)
    findings.save()

    def read_again() -> Finding | None:
        others = Findings(rules)
        others.keep_in(kept)
        return others.of(tmp_path / "a", (5, 1))

    assert read_again() == finding and findings.of(tmp_path / "a", (5, 2)) is None
    rules.write_text("2")
    assert read_again() is None


def test_a_disk_that_cannot_be_written_only_costs_time(root: Path) -> None:
    catalogue = Catalogue([root / "models"])
    catalogue.keep_in(root / "nowhere" / "kept.json")
    assert len(catalogue.loras()) == 1


def test_models_do_not_wait_for_loras(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, go_on = threading.Event(), threading.Event()

    def held_up(path: Path) -> Header:
        if path.name == "ink.safetensors":
            reading.set()
            assert go_on.wait(60)
        return read_header(path)

    monkeypatch.setattr(shelf_module, "read_header", held_up)
    catalogue = catalogue_of(root)
    catalogue.look_behind()
    assert reading.wait(60)
    assert [info.id for info in catalogue.models()] == ["starter", "dream"]
    assert catalogue.find("dream").family == "stable-diffusion"
    assert catalogue.embeddings() == [] and not catalogue.knows("lora", 0.01)
    go_on.set()
    assert catalogue.knows("lora", 60) and catalogue.loras()[0].id == "ink"


def test_two_thousand_loras_are_there_at_once_after_a_restart(tmp_path: Path) -> None:
    source = hollow(tmp_path / "models/Lora/0.safetensors", LORA)
    for number in range(1, 2000):
        os.link(source, tmp_path / f"models/Lora/{number}.safetensors")
    assert len(catalogue_of(tmp_path).loras()) == 2000
    again = catalogue_of(tmp_path)
    begin = time.thread_time()
    assert len(again.models()) == 1 and len(again.loras()) == 2000
    assert time.thread_time() - begin < 1
