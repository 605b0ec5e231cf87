"""What a generation reports while it runs: small frozen facts, in the order they happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from PIL import Image


@dataclass(frozen=True, slots=True)
class ModelLoading:
    """The generation waits for its model; told through its :class:`~pipelines.control.Control`, ahead of every event.

    Attributes:
        model: The model's id.
        done: How much of it is there, 0 … 1.
        what: What is being done, in a person's words.
    """

    model: str
    done: float
    what: str


@dataclass(frozen=True, slots=True)
class GenerationStarted:
    """The first event of every generation.

    Attributes:
        seeds: The seed of each picture, resolved: picture *i* uses the request's seed + *i*, never -1; all the same
            where pictures lean towards a variation seed, which then goes on instead.
        total_steps: Denoising steps of one picture, as the scheduler really counts them (Heun and PNDM run
            more than ``num_inference_steps``, image-to-image fewer).
        notices: Sentences a person should see though nothing failed (the first frame of an animation was used).
    """

    seeds: tuple[int, ...]
    total_steps: int
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepCompleted:
    """One denoising step of one picture is done.

    Attributes:
        step: Steps done, 1 … ``total_steps``.
        total_steps: As in :class:`GenerationStarted`; fewer with the last step of a sampler that has arrived sooner
            (DPM adaptive).
        preview: The clean guess after this step as JPEG bytes: at latent size, or from the small decoder 512 pixels at
            most; None where neither is known, and where a fine preview would follow the last one too soon.
        index: Which picture of the request, from 0.
    """

    step: int
    total_steps: int
    preview: bytes | None = field(default=None, repr=False)
    index: int = 0


@dataclass(frozen=True, slots=True)
class ImageFinished:
    """One picture is done.

    Attributes:
        index: Which picture of the request, from 0.
        image: The picture, mode RGB, exactly the size asked for.
        seed: The seed that makes this picture alone.
        files: Hashes of what it was made with besides the model, as A1111 tells them: ``lora:`` and a name to twelve
            hexadecimal digits, ``vae:`` and a name to ten.
        variation_seed: The variation seed that makes it alone; None where it has none.
        drawn: ``prompt`` and ``negative_prompt`` as they ran, where chance decided in them; else empty.
    """

    index: int
    image: Image.Image = field(repr=False)
    seed: int
    files: Mapping[str, str] = field(default_factory=dict)
    variation_seed: int | None = None
    drawn: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImageSkipped:
    """One picture was left out because somebody asked for the next.

    Attributes:
        index: Which picture of the request, from 0.
    """

    index: int


@dataclass(frozen=True, slots=True)
class GenerationFinished:
    """The last event: every picture of the request has been reported or skipped.

    Attributes:
        seconds: Wall time from the first step of work to this event.
    """

    seconds: float = 0.0


GenerationEvent = GenerationStarted | StepCompleted | ImageFinished | ImageSkipped | GenerationFinished
