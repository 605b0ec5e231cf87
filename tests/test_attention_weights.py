"""What weights do to pictures of the starter model; the whole measurement is ``python -m tests.attention_weights``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipelines.starter.judge import load
from pipelines.starter.palette import COLOURS
from tests.attention_weights import WEIGHTS, cases, measure, share, spearman


@pytest.fixture(scope="module")
def starter() -> Any:
    return load()


def test_shares_are_read_off_the_pixels() -> None:
    half = Image.new("RGB", (8, 8), COLOURS["red"])
    half.paste(COLOURS["blue"], (0, 0, 8, 2))
    assert share(half, "red", "blue") == pytest.approx(0.75, abs=1e-6)
    assert share(half, "blue", "red") == pytest.approx(0.25, abs=1e-6)


def test_rank_correlation() -> None:
    assert spearman([1, 2, 3], [1, 4, 9]) == pytest.approx(1)
    assert spearman([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    assert spearman([1, 2, 3], [5, 5, 5]) == 0


def test_there_are_twenty_prompts_and_six_weights() -> None:
    assert len(cases()) == 20
    assert (WEIGHTS[0], WEIGHTS[-1], len(WEIGHTS)) == (0.5, 1.6, 6)
    assert [case.prompt("w") for case in (*cases(1), *cases(1, "weighted"))] == [
        "(red:w) and blue",
        "a red circle on a red background:w a blue circle on a blue background:1",
    ]


def test_a_larger_share_of_a_blend_is_a_larger_share_of_the_picture(starter: Any) -> None:
    found = measure(starter, "weighted", 2, 2, steps=5)
    assert found["spearman"] >= 0.9
    shares = list(found["shares"].values())
    assert shares[-1] - shares[0] > 0.2, "anybody sees it"


def test_brackets_change_the_picture(starter: Any) -> None:
    found = measure(starter, "a1111", 1, 2, steps=4)
    assert np.ptp(list(found["shares"].values())) > 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_twenty_blends_with_eight_seeds(starter: Any) -> None:
    assert measure(starter, "weighted")["spearman"] >= 0.8
