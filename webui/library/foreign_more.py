"""Somebody else's finer settings: which of those that A1111's text names can be had here as they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Final

from pydantic import TypeAdapter, ValidationError

from pipelines.errors import ReverieError
from pipelines.request import describe_limits
from pipelines.samplers import find_sampler
from pipelines.upscaling.names import LANCZOS, built_in

from .foreign_extras import ABSENT, Named, find
from .infotext_more import KEYS
from .request_fields import request_with

HIRES: Final = (
    *("hires_scale", "hires_width", "hires_height", "hires_steps", "hires_strength"),
    *("hires_upscaler", "hires_scheduler"),
)
MORE: Final = (*(key.field for key in KEYS), *HIRES, "seed_resize_width", "seed_resize_height")
"""Request fields decided here."""

ONLY_INPAINT: Final = ("invert_mask", "masked_content", "padding_mask_crop", "soft_inpainting")
"""Fields that tell that a picture was inpainted."""


@lru_cache
def _adapter(field: str) -> TypeAdapter[Any]:
    info = request_with(field).model_fields[field]
    whole: Any = info.annotation
    for limit in info.metadata:
        whole = Annotated[whole, limit]
    return TypeAdapter(whole)


def usable(field: str, value: object) -> bool:
    """Whether a request's field takes a value, by its own limits.

    Args:
        field: The request field's name.
        value: Anything at all.
    """
    try:
        _adapter(field).validate_python(value)
        if field in ("hires_scheduler", "scheduler") and value is not None:
            find_sampler(str(value))
    except (ValidationError, ReverieError):
        return False
    return True


def more_rows(values: Mapping[str, Any], upscalers: Sequence[Named]) -> Iterator[tuple[str, Any, str]]:
    """Decides on each finer setting.

    Args:
        values: What a reader found, by request fields.
        upscalers: The upscaler files there are.

    Yields:
        Field, value and, where it cannot be had, why not.
    """
    for name in MORE:
        value = values.get(name)
        if value is None:
            continue
        if name in ("hires_upscaler", "tile_upscaler"):
            known = built_in(str(value)) or find(str(value)[:200], upscalers)
            yield name, known or value, "" if known else f"{ABSENT}; {LANCZOS} is used"
        elif usable(name, value):
            yield name, value, ""
        else:
            yield name, value, f"it must be {describe_limits(request_with(name), name)}"
