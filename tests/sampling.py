"""What the tests of request fields share: small requests of each task, and the same picture by diffusers alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pipelines.errors import InvalidRequest
from pipelines.events import GenerationEvent, ImageFinished
from pipelines.framing import frame_for
from pipelines.loading import LoadedModel
from pipelines.manager import PipelineManager
from pipelines.picture import pipeline_arguments
from pipelines.request import GenerationRequest, ImageToImageRequest, InpaintRequest, TextToImageRequest
from pipelines.schedulers import build_scheduler

TASKS = ("text_to_image", "image_to_image", "inpaint")
START = Image.effect_noise((64, 64), 90).convert("RGB")


def ask(manager: PipelineManager, task: str = "text_to_image", **values: Any) -> GenerationRequest:
    """A small request to the manager's first model after the starter."""
    known = {"prompt": "a red boat", "seed": 5, "num_inference_steps": 5, "guidance_scale": 5.0}
    values = known | {"model": manager.models()[1].id} | values
    if task == "text_to_image":
        return TextToImageRequest(**{"width": 64, "height": 64} | values)
    if task == "image_to_image":
        return ImageToImageRequest(**{"image": START, "strength": 0.7} | values)
    mask = Image.new("L", START.size)
    mask.paste(255, (32, 0, 64, 64))
    return InpaintRequest(**{"image": START, "mask_image": mask, "mask_blur": 0, "strength": 0.9} | values)


def finished(manager: PipelineManager, request: GenerationRequest) -> list[ImageFinished]:
    """The pictures of a request, in order."""
    events: list[GenerationEvent] = list(manager.generate(request))
    return sorted((one for one in events if isinstance(one, ImageFinished)), key=lambda one: one.index)


def paint(manager: PipelineManager, request: GenerationRequest) -> np.ndarray[Any, Any]:
    """The first picture of a request, as numbers."""
    return np.asarray(finished(manager, request)[0].image).astype(int)


def loaded(manager: PipelineManager, request: GenerationRequest) -> LoadedModel:
    """The model of a request, by itself."""
    info = next(info for info in manager.models() if info.id == request.model)
    return manager._open().load(info)


def bare(
    manager: PipelineManager,
    request: GenerationRequest,
    prepare: Any = None,
    generator: torch.Generator | None = None,
    **more: Any,
) -> np.ndarray[Any, Any]:
    """The same picture through a diffusers pipeline, called by hand.

    Args:
        manager: Knows the models.
        request: Whose prompt, size, steps, strength and guidance are taken, and the sampler with its options.
        prepare: Called with the pipeline before it runs.
        generator: The pipeline's; None = the seed's.
        **more: What else the pipeline is called with.
    """
    model = loaded(manager, request)
    scheduler = build_scheduler(
        request.scheduler, model.scheduler_config, seed=request.seed, options=request.sampler_options
    )
    pipeline = model.pipeline(request.task, scheduler=scheduler)
    if prepare is not None:
        prepare(pipeline)
    arguments = pipeline_arguments(request, frame_for(request, model.info.native_size), pipeline)
    words = {} if "prompt_embeds" in more else {"prompt": request.prompt, "negative_prompt": request.negative_prompt}
    generator = generator or torch.Generator("cpu").manual_seed(request.seed)
    picture = pipeline(**words, **(arguments | more), generator=generator).images[0]
    return np.asarray(picture.convert("RGB")).astype(int)


def differs(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    """Whether any number does."""
    return bool((one != other).any())


def assert_refused(manager: PipelineManager, task: str, values: dict[str, Any], sentence: str) -> None:
    """A request is refused in one sentence that begins with its first field."""
    with pytest.raises(InvalidRequest, match=sentence) as refused:
        ask(manager, task, **values)
    assert refused.value.parameter == next(iter(values))
    assert str(refused.value).endswith(".")


def generator_for(seed: int) -> torch.Generator:
    """Makes the noise source of one picture: on the CPU, so that it is the same on every machine."""
    return torch.Generator("cpu").manual_seed(seed)
