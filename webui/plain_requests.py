"""What the requests say of the finer settings: which of them has a field, and its default."""

from __future__ import annotations

from typing import Any, Final

from pipelines.request import ImageToImageRequest, InpaintRequest, TextToImageRequest

_KINDS: Final = (InpaintRequest, ImageToImageRequest, TextToImageRequest)


def request_type(name: str) -> Any:
    """A request that has a field."""
    return next(kind for kind in _KINDS if name in kind.model_fields)


def default_of(name: str) -> Any:
    """A field's default, from the request."""
    return request_type(name).model_fields[name].default
