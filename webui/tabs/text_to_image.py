"""Text to image: a picture from words alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pipelines.request import TextToImageRequest
from webui.form import shared_fields
from webui.studio import Studio

TASK: Final = "text_to_image"
TITLE: Final = "Text to image"


def make_request(studio: Studio, values: Mapping[str, Any]) -> TextToImageRequest:
    """Reads the form.

    Raises:
        InvalidRequest: Something in it cannot be used.
    """
    return TextToImageRequest(**shared_fields(studio, values, TASK, size=values["size"]))
