"""The page on prompts: every example in it can be read, and means what stands beside it."""

from __future__ import annotations

import re

import pytest

from pipelines.prompt_emphasis import Weighted, parse_emphasis
from pipelines.prompt_lines import parse_lines
from pipelines.prompt_matrix import prompt_matrix
from pipelines.prompt_syntax import plan_prompts
from pipelines.request import TextToImageRequest
from pipelines.wildcards import Wildcards, draw
from tests.studio import ROOT

PAGE = (ROOT / "docs" / "prompts.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}", 1)[1].split("\n## ", 1)[0]


def first_column(title: str) -> list[str]:
    rows = [row for row in section(title).splitlines() if row.startswith("| `")]
    return [re.split(r"(?<!\\)\|", row)[1].strip().strip("`").replace("\\|", "|") for row in rows]


EXAMPLES = [
    *first_column("Weights"),
    *first_column("Prompts that change"),
    *first_column("Chance"),
    *re.findall(r"`([^`]*\b(?:AND|BREAK)\b [^`]+)`", PAGE),
]


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 22
    assert "a {red|blue} boat" in EXAMPLES
    assert "a cat AND a dog" in EXAMPLES


@pytest.mark.parametrize("prompt", EXAMPLES)
def test_every_example_is_read_as_more_than_its_letters(prompt: str) -> None:
    drawn = draw(prompt, 7, Wildcards())
    first, second = (plan_prompts(drawn, steps=20, steps_before=before).positive for before in (0, 20))
    blocks = parse_emphasis(drawn)
    assert TextToImageRequest(prompt=prompt).prompt == prompt
    assert (
        drawn != prompt
        or len({parts[0].phrase for parts in (*first, *second)}) > 1
        or len(first[0]) > 1
        or len(blocks) > 1
        or blocks != ((Weighted(drawn, 1.0),),)
    )


@pytest.mark.parametrize(
    "row",
    [row for row in section("Other ways").splitlines() if row.startswith("| `") and "prompt_syntax" not in row],
    ids=lambda row: row[3:12],
)
def test_every_other_way_is_read(row: str) -> None:
    syntax, example = re.findall(r"`([^`]+)`", row)[:2]
    prompt = example.replace("\\|", "|")
    request = TextToImageRequest(prompt=prompt, prompt_syntax=syntax)
    phrase = plan_prompts(prompt, syntax=request.prompt_syntax).positive[0][0].phrase
    assert len(phrase) == (2 if syntax in ("dream_studio", "weighted") else 1)


def test_the_lines_and_the_matrix_are_read() -> None:
    lines = parse_lines(section("Prompts from a box").split("```lines\n", 1)[1].split("```", 1)[0])
    assert [TextToImageRequest(**fields).seed for fields in lines] == [-1, 5, -1]
    (matrix,) = re.findall(r"`([^`]+\|[^`]+)` is four prompts", PAGE)
    assert len(prompt_matrix(matrix)) == 4


def test_our_lists_are_those_that_are_named() -> None:
    named = re.findall(r"`(\w+)`", PAGE.split("Reverie's own lists are", 1)[1].split(".", 1)[0])
    assert named == Wildcards().names()
