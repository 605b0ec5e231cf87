"""The page leads to what the starter model does well, and does without where that cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.models import STARTER_FOLDER
from webui.examples import FALLBACK, load_examples


def test_the_models_own_prompts_are_offered_its_cards_first() -> None:
    told = json.loads((STARTER_FOLDER / "prompts.json").read_text(encoding="utf-8"))
    examples = load_examples()
    assert list(examples[:8]) == told["cards"]
    assert set(told["cards"]) <= set(told["prompts"]) == set(examples)
    assert len(examples) == len(set(examples)) >= 50


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cards": 7}', '{"cards": [], "prompts": []}'])
def test_a_list_that_cannot_be_used_is_done_without(tmp_path: Path, text: str) -> None:
    assert load_examples(tmp_path) == FALLBACK
    (tmp_path / "prompts.json").write_text(text)
    assert load_examples(tmp_path) == FALLBACK
