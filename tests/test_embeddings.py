"""Learnt words: read as diffusers reads them, in both prompts, and without a trace in anybody else's pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from pipelines.errors import InvalidRequest, ReverieError
from pipelines.manager import PipelineManager
from pipelines.schedulers import build_scheduler
from tests.test_adapters import Pixels, Place, load
from tests.tiny_adapters import save_embedding
from tests.tiny_families import save_family
from tests.tiny_model import WIDTH, make_tiny_pipeline


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    root = tmp_path_factory.mktemp("embeddings")
    make_tiny_pipeline().save_pretrained(root / "sd", safe_serialization=True)
    save_family("sdxl", root / "sdxl")
    folder = root / "embeddings"
    folder.mkdir()
    save_embedding(folder / "bad-hands.safetensors", width=WIDTH, seed=1)
    save_embedding(folder / "bad-hands-2.safetensors", vectors=1, width=WIDTH, seed=2, key="<mine>")
    save_embedding(folder / "sea.safetensors", vectors=2, width=WIDTH, seed=3)
    sdxl = load("sdxl", root)
    widths = [encoder.get_input_embeddings().weight.shape[1] for encoder in (sdxl.text_encoder, sdxl.text_encoder_2)]
    save_embedding(folder / "glow.safetensors", vectors=4, width=widths[0], second=widths[1], seed=4)
    manager = PipelineManager([root])
    yield Place(root, manager)
    manager.close()


def bare(place: Place, family: str, prompt: str, negative: str, words: dict[str, str]) -> Pixels:
    """What plain diffusers paints with the words loaded under names that it cannot confuse."""
    pipeline = load(family, place.root)
    pipeline.scheduler = build_scheduler("Euler", place.loaded(family).scheduler_config, seed=5)
    for name, token in words.items():
        rows = load_file(place.root / "embeddings" / f"{name}.safetensors")
        if family == "sdxl":
            pipeline.load_textual_inversion(
                rows["clip_l"], token=token, text_encoder=pipeline.text_encoder, tokenizer=pipeline.tokenizer
            )
            pipeline.load_textual_inversion(
                rows["clip_g"], token=token, text_encoder=pipeline.text_encoder_2, tokenizer=pipeline.tokenizer_2
            )
        else:
            pipeline.load_textual_inversion(next(iter(rows.values())), token=token)
    return np.asarray(
        pipeline(
            prompt,
            negative_prompt=negative,
            num_inference_steps=4,
            guidance_scale=4.0,
            width=64,
            height=64,
            generator=torch.Generator().manual_seed(5),
        ).images[0]
    )


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("bad-hands", {"bad-hands": "<t>"}),
        ("BAD-Hands", {"bad-hands": "<t>"}),
        ("bad-hands-2", {"bad-hands-2": "<t>"}),
        ("embedding:bad-hands", {"bad-hands": "<t>"}),
        ("embedding: bad-hands-2", {"bad-hands-2": "<t>"}),
    ],
)
def test_a_word_is_read_as_diffusers_reads_it(place: Place, said: str, words: dict[str, str]) -> None:
    prompt = "a red boat on {} the background"
    own = place.paint(prompt=prompt.format(said), negative_prompt=f"blue {said}")
    assert np.array_equal(own, bare(place, "sd", prompt.format("<t>"), "blue <t>", words))
    assert not np.array_equal(own, place.paint(prompt=prompt.format(""), negative_prompt="blue"))


def test_several_words_at_once(place: Place) -> None:
    own = place.paint(prompt="sea bad-hands, sea", negative_prompt="bad-hands-2")
    words = {"sea": "<a>", "bad-hands": "<b>", "bad-hands-2": "<c>"}
    assert np.array_equal(own, bare(place, "sd", "<a> <b>, <a>", "<c>", words))


def test_words_of_stable_diffusion_xl_go_to_both_encoders(place: Place) -> None:
    own = place.paint("sdxl", prompt="a glow boat", negative_prompt="glow")
    assert np.array_equal(own, bare(place, "sdxl", "a <t> boat", "<t>", {"glow": "<t>"}))
    assert not np.array_equal(own, place.paint("sdxl", prompt="a boat"))


def test_a_word_of_another_family_is_an_ordinary_one(place: Place) -> None:
    """As in A1111: people keep the words of all their models in one folder."""
    for family, prompt in (("sdxl", "a bad-hands boat"), ("sd", "a glow boat")):
        assert np.array_equal(place.paint(family, prompt=prompt), bare(place, family, prompt, "", {}))


def test_an_embedding_that_counts_for_nothing_here_says_so(place: Place) -> None:
    told = [place.notices(family, prompt="a glow (bad-hands:1.2) boat") for family in ("sd", "sdxl")]
    assert [len(sentences) for sentences in told] == [1, 1]
    assert "'glow'" in told[0][0] and "plain words" in told[0][0]
    assert "'bad-hands'" in told[1][0]
    assert place.notices("sd", prompt="a bad-hands boat") == ()


def test_nobody_elses_prompt_is_read_otherwise(place: Place) -> None:
    """Also one in which the letters of a word occur, which an added token would split."""
    prompts = ("a seaside boat", "a red boat", "bad hands", "nobad-hands", "bad-hands-3")
    before = [place.paint(prompt=prompt) for prompt in prompts]
    tokens, rows = len(place.loaded().components["tokenizer"]), place.loaded().components["text_encoder"]
    shape = rows.get_input_embeddings().weight.shape
    place.paint(prompt="sea bad-hands bad-hands-2", negative_prompt="sea")
    place.manager.put_away_extras()
    place.manager._open()._cache.clear()
    for prompt, picture in zip(prompts, before, strict=True):
        assert np.array_equal(place.paint(prompt=prompt), picture)
        assert np.array_equal(picture, bare(place, "sd", prompt, "", {}))
    assert len(place.loaded().components["tokenizer"]) == tokens
    assert rows.get_input_embeddings().weight.shape == shape
    assert not rows._forward_pre_hooks and not rows.get_input_embeddings()._forward_hooks


def test_a_file_written_anew_is_read_anew(place: Place) -> None:
    path = place.root / "embeddings" / "sea.safetensors"
    old = path.read_bytes()
    before = place.paint(prompt="a sea")
    try:
        save_embedding(path, vectors=2, width=WIDTH, seed=9)
        place.manager._catalogue.refresh()
        assert not np.array_equal(place.paint(prompt="a sea"), before)
    finally:
        path.write_bytes(old)
        place.manager._catalogue.refresh()
    assert np.array_equal(place.paint(prompt="a sea"), before)


def test_a_word_that_is_asked_for_and_not_there_is_refused(place: Place) -> None:
    with pytest.raises(InvalidRequest, match="embedding:nowhere"):
        place.paint(prompt="a (embedding:nowhere:1.1) boat")
    place.paint(prompt="a (embedding:sea:1.1) boat")


@pytest.mark.parametrize("kind", ["nan", "cut", "empty"])
def test_a_file_that_cannot_be_used_is_refused(place: Place, kind: str) -> None:
    path = place.root / "embeddings" / "broken.safetensors"
    data: dict[str, Any] = {"emb_params": torch.full((2, WIDTH), float("nan"))}
    try:
        save_file(data, path)
        if kind != "nan":
            path.write_bytes(path.read_bytes()[: 40 if kind == "cut" else 0])
        place.manager._catalogue.refresh()
        with pytest.raises(ReverieError, match=r"broken.*\.$"):
            place.paint(prompt="a embedding:broken boat")
    finally:
        path.unlink()
        place.manager._catalogue.refresh()


def test_files_lie_in_a_folder_of_their_own(place: Place) -> None:
    assert [Path(word.path).parent.name for word in place.manager.embeddings()] == ["embeddings"] * 4
