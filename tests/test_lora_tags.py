"""``<lora:name:0.8>``: every spelling A1111 knows, and one sentence for what is none."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import InvalidRequest
from pipelines.lora_tags import LoraUse, LoraWeights, merge_uses, parse_use, read_tags
from pipelines.request import TextToImageRequest


@pytest.mark.parametrize(
    ("tag", "name", "denoiser", "text_encoder"),
    [
        ("<lora:ink:0.8>", "ink", 0.8, 0.8),
        ("<lora:ink>", "ink", 1.0, 1.0),
        ("<lora:ink:0.5:0.8>", "ink", 0.8, 0.5),
        ("<lora:ink:te=0.5:unet=.25>", "ink", 0.25, 0.5),
        ("<lora:ink:unet=0.25>", "ink", 0.25, 1.0),
        ("<lora:ink:0.5:unet=-1>", "ink", -1.0, 0.5),
        ("<LoRA:ink:-2>", "ink", -2.0, -2.0),
        ("<  lora  :  my ink  :  0.8  >", "my ink", 0.8, 0.8),
        ("<lora:" + " " * 5000 + "ink:0.8>", "ink", 0.8, 0.8),
        ("<lora:sub/folder.ink-v2:2>", "sub/folder.ink-v2", 2.0, 2.0),
    ],
)
def test_every_spelling_is_read(tag: str, name: str, denoiser: float, text_encoder: float) -> None:
    text, tags = read_tags(f"a boat {tag}, at sea")
    assert text == "a boat , at sea"
    assert tags == (LoraWeights(name, denoiser, text_encoder),)


@pytest.mark.parametrize(
    "tag",
    [
        "<lora:>",
        "<lora: :1>",
        "<lora:ink:loud>",
        "<lora:ink:nan>",
        "<lora:ink:2.5>",
        "<lora:ink:1_0>",
        "<lora:ink:>",
        "<lora:ink:1:1:1>",
        "<lora:ink:dyn=4>",
        "<lora:ink:0.8",
        f"<lora:{'x' * 201}>",
        "".join(f"<lora:a{number}>" for number in range(17)),
    ],
)
def test_what_is_no_tag_is_refused_in_one_sentence(tag: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        TextToImageRequest(prompt=f"a boat {tag}")
    sentence = str(caught.value)
    assert caught.value.parameter == "prompt" and sentence.startswith("prompt has") and sentence.endswith(".")
    assert len(sentence) < 250 and "\n" not in sentence


@pytest.mark.parametrize("text", ["a <b> c", "lora:ink", "1 < 2 > 0", "<loras:ink>", "<hypernet:x:1>", "(a:1.2)"])
def test_other_text_stays(text: str) -> None:
    assert read_tags(text) == (text, ())


def test_a_negative_prompt_is_text_throughout() -> None:
    assert TextToImageRequest(prompt="a", negative_prompt="<lora:").negative_prompt == "<lora:"


def test_rows_come_first_and_the_same_twice_adds_up() -> None:
    tags = read_tags("<lora:b:0.5><lora:a:0.25><lora:a:0.25:0>")[1]
    assert merge_uses((LoraUse(name="a", weight=0.5),), tags) == (
        LoraWeights("a", 0.75, 1.0),
        LoraWeights("b", 0.5, 0.5),
    )


@pytest.mark.parametrize(
    ("text", "name", "weight"),
    [
        ("ink", "ink", 1.0),
        ("ink:0.8", "ink", 0.8),
        ("a:b", "a:b", 1.0),
        ("a:b:-2", "a:b", -2.0),
        (" ink : 1 ", "ink", 1),
    ],
)
def test_a_command_lines_spelling(text: str, name: str, weight: float) -> None:
    assert parse_use(text) == LoraUse(name=name, weight=weight)


def test_a_request_takes_rows_as_names_mappings_or_uses() -> None:
    use = LoraUse(name="ink", weight=0.8)
    for row in ("ink:0.8", {"name": "ink", "weight": 0.8}, use):
        assert TextToImageRequest(prompt="a", loras=[row]).loras == (use,)
    assert TextToImageRequest(prompt="a", loras=None).loras == ()


@pytest.mark.parametrize(
    "rows",
    [
        7,
        [7],
        ["ink:9"],
        [""],
        ["a"] * 6,
        [{"name": "ink", "weight": float("nan")}],
        [{"name": "ink", "weight": True}],
        [{"name": "ink", "loud": 1}],
        [{"weight": 1.0}],
        [{1: 2}],
    ],
)
def test_rows_that_cannot_be_used_are_refused_in_one_sentence(rows: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        TextToImageRequest(prompt="a", loras=rows)
    assert caught.value.parameter == "loras" and str(caught.value).startswith("loras ")
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


@given(st.text(alphabet="<lora:>0.8 te=unet-", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        left, _ = read_tags(text)
    except InvalidRequest:
        return
    assert read_tags(left)[1] == () or "<" in left


def test_a_long_prompt_costs_no_time() -> None:
    began = time.process_time()
    for part in ("<lora:", "<", "< lora", "<lora:a", " " * 10):
        with contextlib.suppress(InvalidRequest):
            read_tags(part * (20_000 // len(part)))
    assert time.process_time() - began < 1
