"""Which request has a field, and what the field is when nobody says."""

from __future__ import annotations

from typing import Any, Final

from pipelines.request import GenerationRequest, ImageToImageRequest, InpaintRequest, TextToImageRequest

KINDS: Final[tuple[type[GenerationRequest], ...]] = (InpaintRequest, ImageToImageRequest, TextToImageRequest)


def request_with(field: str) -> type[GenerationRequest]:
    """A request that has a field.

    Raises:
        StopIteration: None has.
    """
    return next(kind for kind in KINDS if field in kind.model_fields)


def default_of(field: str) -> Any:
    """A request field's default."""
    return request_with(field).model_fields[field].default
