"""LoRAs by name, and the words that their own metadata says to call on them with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.errors import ModelError
from pipelines.extras import ExtraFile, find_extra, triggers
from pipelines.models import Catalogue
from tests.hollow_files import VAE, hollow
from tests.test_model_folders import LORA

FILES = [ExtraFile(name, name.split("/")[-1], Path(name)) for name in ("a/ink", "b/ink", "b/Oil.v2", "broken")]


@pytest.mark.parametrize(
    ("name", "found"),
    [("a/ink", "a/ink"), ("Oil.v2", "b/Oil.v2"), ("oil.V2", "b/Oil.v2"), ("b/Oil.v2.safetensors", "b/Oil.v2")],
)
def test_a_name_is_an_id_or_a_files_name(name: str, found: str) -> None:
    assert find_extra(FILES, name, "LoRA").id == found


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ink", r"'ink' is the name of several files; say 'a/ink' and 'b/ink'\."),
        ("oyl", r"LoRA 'oyl' is not installed; use .+, or add its file to a folder of --models-dir\."),
        ("../../etc/passwd", "is not installed"),
        ("x" * 10_000, "is not installed"),
    ],
)
def test_a_name_that_means_none_or_several_is_one_sentence(name: str, words: str) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        find_extra(FILES, name, "LoRA")
    assert len(str(caught.value)) < 300


def test_the_catalogue_finds_them(tmp_path: Path) -> None:
    hollow(tmp_path / "Lora/people/anna.safetensors", LORA, {"modelspec.trigger_phrase": "anna person"})
    hollow(tmp_path / "VAE/soft.safetensors", VAE)
    catalogue = Catalogue([tmp_path])
    anna = catalogue.find_lora("anna")
    assert (anna.id, anna.family, anna.triggers) == ("people/anna", "stable-diffusion", ("anna person",))
    assert anna.size_bytes == anna.path.stat().st_size and not anna.problem
    assert catalogue.find_vae("soft").path == tmp_path / "VAE/soft.safetensors"
    with pytest.raises(ModelError, match=r"VAE 'hard' is not installed; use 'soft'"):
        catalogue.find_vae("hard")
    with pytest.raises(ModelError, match="there is none yet"):
        Catalogue().find_lora("anna")


def test_a_damaged_file_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    hollow(tmp_path / "Lora/people/anna.safetensors", LORA)
    whole = (tmp_path / "Lora/people/anna.safetensors").read_bytes()
    (tmp_path / "Lora/people/Broken.safetensors").write_bytes(whole[:100])
    catalogue = Catalogue([tmp_path])
    for name in ("broken", "people/Broken", "Broken.safetensors"):
        with pytest.raises(ModelError, match=r"Broken\.safetensors") as caught:
            catalogue.find_lora(name)
        assert "not installed" not in str(caught.value)


def test_the_most_frequent_tags_are_the_triggers(tmp_path: Path) -> None:
    sets = {"10_anna": {"anna": 20, "red hair": 5, "hat": 1}, "5_more": {"red hair": 30, "": 99, "x": -1, "y": "7"}}
    assert triggers(tmp_path / "x", {"ss_tag_frequency": json.dumps(sets)}) == ("red hair", "anna", "hat")
    assert triggers(tmp_path / "x", {"modelspec.trigger_phrase": " anna ,,red\nhair,anna"}) == ("anna", "red hair")
    many = {"a": {f"tag {number}": number for number in range(1, 1000)}}
    assert len(triggers(tmp_path / "x", {"ss_tag_frequency": json.dumps(many)})) == 8


def test_a_note_beside_the_file_comes_first(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps({"activation text": "in ink, on paper"}))
    assert triggers(tmp_path / "x.safetensors", {"modelspec.trigger_phrase": "anna"}) == ("in ink", "on paper")
    (tmp_path / "x.json").write_text("[" * 100_000)
    assert triggers(tmp_path / "x.safetensors", {"modelspec.trigger_phrase": "anna"}) == ("anna",)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '{"a": 7}', '{"a": {"b": "c"}}', "[" * 100_000, '{"a": {"b": 1e999}}', " " * 2_000_000]
)
def test_metadata_that_is_nonsense_has_no_triggers(tmp_path: Path, text: str) -> None:
    assert triggers(tmp_path / "x", {"ss_tag_frequency": text}) == ()


def test_hostile_words_are_cut(tmp_path: Path) -> None:
    found = triggers(tmp_path / "x", {"modelspec.trigger_phrase": "a\x00\x1b[31m\u202eb," + "y" * 100_000})
    assert found[0] == "a [31m b" and len(found) == 2 and len(found[1]) == 80
