"""Prompts from a box: a line is a request's fields, as A1111's script of that name reads it, or one sentence."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import InvalidRequest
from pipelines.prompt_lines import parse_lines
from pipelines.request import TextToImageRequest


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("a boat, (old:1.2) -- with dashes", {"prompt": "a boat, (old:1.2) -- with dashes"}),
        ("a boat --seed 5 --steps 30", {"prompt": "a boat", "seed": 5, "num_inference_steps": 30}),
        ('--prompt "a boat" --seed 5', {"prompt": "a boat", "seed": 5}),
        ("--prompt a red boat --cfg_scale 7.5", {"prompt": "a red boat", "guidance_scale": 7.5}),
        ('a boat --negative_prompt "fog, rain"', {"prompt": "a boat", "negative_prompt": "fog, rain"}),
        ("a boat --sampler_name DPM++ 2M Karras", {"prompt": "a boat", "scheduler": "DPM++ 2M Karras"}),
        ("a boat --width 512 --height 768", {"prompt": "a boat", "width": 512, "height": 768}),
        ("a boat --batch_size 4 --sd_model sd15", {"prompt": "a boat", "num_images_per_prompt": 4, "model": "sd15"}),
        ("a boat --denoising-strength .5 --seed -1", {"prompt": "a boat", "strength": 0.5, "seed": -1}),
        ("a boat's hull --seed 5", {"prompt": "a boat's hull", "seed": 5}),
        ("a boat --negative-prompt it's dark --seed 5",
         {"prompt": "a boat", "negative_prompt": "it's dark", "seed": 5}),
    ],
)  # fmt: skip
def test_a_line(line: str, fields: dict[str, Any]) -> None:
    assert parse_lines(line) == [fields]


def test_lines_are_in_their_order_without_comments_and_empty_ones() -> None:
    text = "# mine\n\n  a boat  \r\n\na hill --seed 3\n#a cat\n"
    assert parse_lines(text) == [{"prompt": "a boat"}, {"prompt": "a hill", "seed": 3}]
    assert parse_lines("") == []


def test_the_fields_make_a_request() -> None:
    (fields,) = parse_lines("a boat --steps 30 --cfg-scale 4 --sampler DPM++ 2M --width 64 --height 128 --batch_size 2")
    request = TextToImageRequest(**fields)
    assert (request.num_inference_steps, request.width, request.height, request.num_images_per_prompt) == (
        30,
        64,
        128,
        2,
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a\nb --colour red", "line 2 has '--colour', which is no flag; use one such as --steps, --seed"),
        ("a --seed", "line 1 has --seed without a value; give one after it"),
        ("a --seed five", "line 1 has seed 'five', which is no whole number"),
        ("a --steps 2.5", "no whole number"),
        ("a --cfg_scale nan", "no number"),
        ('a --negative_prompt "fog', "line 1 has a quotation mark that is not closed"),
        ("--seed 5", "line 1 has flags and no prompt"),
        ("\n".join(["a"] * 501), "501 lines; give at most 500"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(InvalidRequest, match=sentence):
        parse_lines(text)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_by_our_own_error(text: str) -> None:
    try:
        rows = parse_lines(text)
    except InvalidRequest:
        return
    assert all(row["prompt"].strip() for row in rows)
