"""Where each of the form's fields stands, for the list of actions: those in folded sections are not there yet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from .plain_fields import FOR_ALL, PLAIN, SECTIONS
from .wording import LABELS

ADVANCED: Final = {
    "guidance_scale": "guidance_scale",
    "num_inference_steps": "num_inference_steps",
    "seed": "seed",
    "model": "model",
    "scheduler": "scheduler",
}
"""Fields in the advanced settings: request field to the control's id."""

OPEN: Final = {
    "prompt": "prompt",
    "num_images_per_prompt": "num_images_per_prompt",
    "strength": "image-strength",
    "mask_blur": "mask_blur",
}
"""Fields that are in sight wherever their task has them."""

BESIDE: Final = (
    (LABELS["strength"], "repaint-strength", ()),
    ("Style", "style", ()),
    ("Noise schedule", "schedule", ("advanced",)),
    ("Loops", "loops", ("loop-section",)),
    ("Change factor", "strength_factor", ("loop-section",)),
    *((f"Grow, {side}", f"grow-{side}", ("grow-section",)) for side in ("left", "right", "top", "bottom")),
)
"""Controls that are no field of a request, or a second one of the same."""


def fields_script() -> str:
    """The script that tells the page of them."""
    return f"reverie.fields = {json.dumps(list(_fields()))};"


def _fields() -> Iterator[dict[str, Any]]:
    for name, place in OPEN.items():
        yield {"label": LABELS[name], "id": place, "sections": []}
    yield {"label": LABELS["negative_prompt"], "id": "negative-prompt", "sections": ["negative-section"]}
    for name, place in ADVANCED.items():
        yield {"label": LABELS[name], "id": place, "sections": ["advanced"]}
    for label, place, sections in BESIDE:
        yield {"label": label, "id": place, "sections": list(sections)}
    for field in PLAIN:
        outer = ["advanced"] if field.section in FOR_ALL else []
        own = [f"finer-{field.section}"] if SECTIONS[field.section] else []
        yield {"label": field.label, "id": field.name.replace("_", "-"), "sections": [*outer, *own]}
