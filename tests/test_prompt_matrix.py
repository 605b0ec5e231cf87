"""Prompt matrix: every combination once, in A1111's order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import InvalidRequest
from pipelines.prompt_matrix import prompt_matrix


def test_every_combination_in_a1111s_order() -> None:
    assert prompt_matrix("a city|oil on canvas|at night") == [
        "a city", "a city, oil on canvas", "a city, at night", "a city, oil on canvas, at night",
    ]  # fmt: skip


def test_parts_may_come_first_and_be_joined_otherwise() -> None:
    assert prompt_matrix("a city | red | wet", first=True, delimiter=" ") == [
        "a city", "red a city", "wet a city", "red wet a city",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("prompt", "prompts"),
    [
        ("a city", ["a city"]),
        ("", [""]),
        ("|a", ["", "a"]),
        ("a [cat|dog]|b", ["a [cat|dog]", "a [cat|dog], b"]),
        ("a {x|y} (b|c)", ["a {x|y} (b|c)"]),
        (r"a \| b|c", [r"a \| b", r"a \| b, c"]),
        ("a ] b|c", ["a ] b", "a ] b, c"]),
        (r"\\|c", ["\\\\", "\\\\, c"]),
    ],
)
def test_bars_inside_brackets_are_theirs(prompt: str, prompts: list[str]) -> None:
    assert prompt_matrix(prompt) == prompts


def test_too_many_parts_are_refused_with_their_number() -> None:
    assert len(prompt_matrix("|".join("abcdefghi"))) == 256
    with pytest.raises(InvalidRequest, match="negative_prompt has 9 optional parts; give at most 8, 256 pictures"):
        prompt_matrix("|".join("abcdefghij"), parameter="negative_prompt")


@given(st.lists(st.sampled_from(["red", "wet", "old", "at night"]), max_size=5))
def test_each_part_is_in_half_of_them(parts: list[str]) -> None:
    prompts = prompt_matrix("|".join(["a city", *parts]), delimiter="/")
    assert len(prompts) == 2 ** len(parts)
    for part in set(parts):
        assert sum(prompt.split("/").count(part) for prompt in prompts) == parts.count(part) * len(prompts) // 2
