"""The feed has one row for each request, also where several were under way side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.request import TextToImageRequest
from tests.libraries import opened, picture
from webui.feed import PICTURES_A_PAGE, feed_page
from webui.library.store import Library


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with opened(tmp_path / "outputs") as library:
        yield library


def keep(library: Library, seeds: Sequence[int], prompt: str = "a red heart on blue") -> None:
    for seed in seeds:
        library.keep("ann", TextToImageRequest(prompt=prompt), picture(seed, 8))


def rows(library: Library) -> list[list[int]]:
    """The seeds of each row of all pages, the newest row first."""
    studio: Any = SimpleNamespace(
        library=library, queue=SimpleNamespace(jobs=lambda _owner: []), all_styles={}, styles={}, models={}
    )
    told: list[list[int]] = []
    after = None
    while True:
        page = feed_page(studio, "ann", after=after)
        told += [[one["seed"] for one in row["pictures"]] for row in page["rows"]]
        after = page["after"]
        if after is None:
            return told


def test_requests_side_by_side_have_a_row_each(library: Library) -> None:
    keep(library, [100, 500, 900, 101, 501, 901])
    assert rows(library) == [[900, 901], [500, 501], [100, 101]]


def test_others_between_them_change_nothing(library: Library) -> None:
    keep(library, [100])
    keep(library, [300], "a white cat")
    keep(library, [101])
    assert rows(library) == [[100, 101], [300]]


def test_the_same_seed_again_is_another_request(library: Library) -> None:
    keep(library, [100, 101, 100, 101])
    assert rows(library) == [[100, 101], [100, 101]]


def test_no_row_is_cut_by_a_page_and_none_is_told_twice(library: Library) -> None:
    many = [
        seed for first in range(1000, 1000 + 40 * 100, 200) for seed in (first, first + 100, first + 1, first + 101)
    ]
    keep(library, many)
    assert len(many) > 2 * PICTURES_A_PAGE
    told = rows(library)
    assert sorted(seed for row in told for seed in row) == sorted(many)
    assert all(len(row) == 2 and row[1] == row[0] + 1 for row in told)
