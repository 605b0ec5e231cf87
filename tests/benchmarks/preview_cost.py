"""What a preview of every step costs: on the starter model, and on a network of Stable Diffusion 1.5's size."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pipelines.manager import PipelineManager
from pipelines.request import GenerationRequest, TextToImageRequest
from tests.benchmarks.figures import Figure, Result
from tests.benchmarks.pictures import PROMPTS, opened, previews_of, set_previews
from tests.benchmarks.real_sizes import SD15, SMALL_VAE, Shape, save_random, small_encoder
from tests.benchmarks.rounds import Turn, ratio, seconds, take_turns
from tests.benchmarks.written import Written

BAR_STARTER: Final = 1.05
BAR_LARGE: Final = 1.01

LARGE: Final = replace(SD15, name="sd15-unet", vae=SMALL_VAE, encoders=(small_encoder(768),))
"""The whole U-Net; the VAE and the text encoder, which no step runs, are small."""


@dataclass(frozen=True)
class Settings:
    """How much is measured.

    Attributes:
        rounds: On the starter model, after a warm-up.
        steps: Of each picture there.
        size: Side of those pictures in pixels; None = native.
        large: The large network; None leaves it out.
        large_rounds: As ``rounds``.
        large_steps: As ``steps``.
        large_size: As ``size``.
    """

    rounds: int = 31
    steps: int = 20
    size: int | None = None
    large: Shape | None = LARGE
    large_rounds: int = 15
    large_steps: int = 5
    large_size: int = 128


FULL, QUICK = Settings(), Settings(rounds=21, large_rounds=7, large_steps=4, large_size=128)


def measure(settings: Settings) -> Result:
    """Times pictures with and without, in turns, and looks for files that they leave."""
    request = TextToImageRequest(
        prompt=PROMPTS[1],
        seed=3,
        num_inference_steps=settings.steps,
        width=settings.size,
        height=settings.size,
    )
    with opened() as manager, Written() as written:
        turns = _with_and_without(manager, request, settings.rounds)
    spread = ratio(turns["on"], turns["off"])
    figures = [
        Figure("previews every step ÷ off, starter", spread.median, at_most=BAR_STARTER, spread=spread),
        Figure("files written by previews", len(written.files), at_most=0),
    ]
    details: dict[str, Any] = {
        "off_seconds": seconds(turns["off"]),
        "on_seconds": seconds(turns["on"]),
        "bytes_written_anywhere": written.bytes,
        "files": written.files,
    }
    if settings.large is not None:
        figure, more = _large(settings, settings.large)
        figures.append(figure)
        details |= more
    return Result(tuple(figures), details)


def _large(settings: Settings, shape: Shape) -> tuple[Figure, dict[str, Any]]:
    side = settings.large_size
    with tempfile.TemporaryDirectory() as folder:
        save_random(shape, Path(folder) / shape.name)
        with opened(folder) as manager:
            request = TextToImageRequest(
                prompt=PROMPTS[1],
                seed=3,
                model=shape.name,
                num_inference_steps=settings.large_steps,
                guidance_scale=1.0,
                width=side,
                height=side,
            )
            turns = _with_and_without(manager, request, settings.large_rounds)
    spread = ratio(turns["on"], turns["off"])
    note = f"random weights, {side} × {side} pixels, {settings.large_steps} steps, no guidance"
    return (
        Figure(f"previews every step ÷ off, {shape.label}", spread.median, at_most=BAR_LARGE, spread=spread, note=note),
        {"large_off_seconds": seconds(turns["off"]), "large_on_seconds": seconds(turns["on"])},
    )


def _with_and_without(manager: PipelineManager, request: GenerationRequest, rounds: int) -> dict[str, list[Turn]]:
    """Times both on the same weights.

    Raises:
        RuntimeError: Previews were not what they were asked to be, so that nothing was compared.
    """

    def paint(*, previews: bool) -> Callable[[], tuple[int, int]]:
        def one() -> tuple[int, int]:
            set_previews(manager, on=previews)
            return previews_of(manager.generate(request))

        return one

    turns = take_turns({"off": paint(previews=False), "on": paint(previews=True)}, rounds)
    if any(turn.result[1] for turn in turns["off"]) or not all(turn.result[1] for turn in turns["on"]):
        raise RuntimeError(f"previews came as {[turn.result for turn in (*turns['off'], *turns['on'])]}.")
    return turns
