"""Loopback on the page: each picture becomes the beginning of the next, as one series of jobs."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from pipelines.images import open_upload
from pipelines.loopback import MOST_LOOPS, Loopback
from pipelines.request import ImageToImageRequest

from .controls import whole
from .origin import Origin
from .series import Made, Plan
from .series_fields import FACTOR, LOOPS

if TYPE_CHECKING:
    from pipelines.request import GenerationRequest


def lay_out_looping() -> dict[str, gr.components.Component]:
    """Lays out how many loops there are, and what becomes of the strength; folded up."""
    with gr.Accordion("Loopback", open=False, elem_id="loop-section", elem_classes=["for-image"]):
        loops = gr.Slider(
            1, MOST_LOOPS, value=LOOPS, step=1, label="Loops", info="Each picture begins with the one before",
            buttons=[], elem_id="loops",
        )  # fmt: skip
        factor = gr.Slider(
            0.5, 1.5, value=FACTOR, step=0.01, label="Change factor", info="What may change, times this, in each loop",
            buttons=[], elem_id="strength_factor",
        )  # fmt: skip
    return {"loops": loops, "strength_factor": factor}


@dataclass
class LoopbackPlan(Plan):
    """The turns of a loopback; it ends early where one gives no picture.

    Attributes:
        loop: The turns.
        first: Where the first comes from; each other comes from the picture before.
    """

    loop: Loopback
    first: Origin
    kind = "loopback"

    @property
    def count(self) -> int:  # type: ignore[override]
        """Turns."""
        return self.loop.loops

    def next_request(self, made: Made) -> GenerationRequest | None:
        """The next turn, begun with the picture before.

        Raises:
            InvalidRequest: That picture cannot be read any more.
        """
        turn = len(made)
        if turn == 0:
            return self.loop.turn(0)
        if turn >= self.count or not made[-1]:
            return None
        last = made[-1][0]
        encoded = last.path if last.path is not None else io.BytesIO(last.image or b"")
        return self.loop.turn(turn, open_upload(encoded).image, made[0][0].seed)

    def origin(self, made: Made) -> Origin:
        """The picture before, and the same style."""
        if not made or not made[-1]:
            return self.first
        return self.first._replace(parent=made[-1][0].id)


def asks_for_loops(values: Mapping[str, Any]) -> bool:
    """Whether the form asks for more than one loop, on the tab that has them."""
    return values["task"] == "image_to_image" and whole(values.get("loops") or LOOPS) != 1


def loopback_asked(values: Mapping[str, Any], request: GenerationRequest, origin: Origin) -> LoopbackPlan | None:
    """The series, where the form asks for more than one loop.

    Args:
        values: The form's values by name.
        request: What they mean for one picture.
        origin: Where that comes from.

    Raises:
        InvalidRequest: The loops or the factor are out of their range, or the strength sinks too low for one step.
    """
    if not asks_for_loops(values) or not isinstance(request, ImageToImageRequest):
        return None
    loops, factor = whole(values["loops"]), values.get("strength_factor")
    return LoopbackPlan(Loopback(request, loops, FACTOR if factor is None else factor), origin)  # type: ignore[arg-type]
