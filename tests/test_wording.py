"""Sentences about a request's fields, in the page's words."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.errors import InvalidRequest
from pipelines.request import InpaintRequest, TextToImageRequest
from webui.wording import LABELS, page_words


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"prompt": ""}, "Prompt is empty; say what you want to see."),
        ({"num_images_per_prompt": 1.5}, "Image count is 1.5; it must be a whole number from 1 to 10."),
        ({"negative_prompt": "x" * 20_001}, "Negative prompt has 20,001 characters; give at most 20,000."),
        ({"width": 130, "height": 64}, "Width is 130; it must be a whole number from 64 to 2048, a multiple of 8."),
        ({"scheduler": "Oiler"}, "Sampler is 'Oiler', which no sampler is called; use 'Euler'"),
    ],
)
def test_a_refusal_begins_with_the_pages_label(values: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        TextToImageRequest(**{"prompt": "x", **values})
    assert page_words(caught.value).startswith(words)


def test_other_fields_in_the_sentence_are_named_as_on_the_page() -> None:
    assert page_words("image strength is 96; lower it, or raise num_inference_steps.") == (
        "Image strength is 96; lower it, or raise generation steps."
    )


def test_any_other_sentence_stays_as_it_is() -> None:
    for sentence in ("That picture is no longer there.", "Memory did not suffice.", ""):
        assert page_words(sentence) == sentence


def test_every_label_names_a_field_of_a_request() -> None:
    assert set(LABELS) <= {*InpaintRequest.model_fields, *TextToImageRequest.model_fields}
