"""The same picture by diffusers alone: its own pipeline, loaded by itself, called as its documentation says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers.loaders.single_file_utils import create_diffusers_t5_model_from_checkpoint
from PIL import Image
from safetensors.torch import load_file
from transformers import T5EncoderModel

from pipelines.request import GenerationRequest, ImageToImageRequest, InpaintRequest, TextToImageRequest
from pipelines.single_file import flux_of_any_width

TASKS = ("text_to_image", "image_to_image", "inpaint")
SIDE = 64
START = Image.effect_noise((SIDE, SIDE), 90).convert("RGB")

BASES = {
    "sd1": "StableDiffusion",
    "sd2": "StableDiffusion",
    "sdxl": "StableDiffusionXL",
    "refiner": "StableDiffusionXL",
    "sd3": "StableDiffusion3",
    "sd35": "StableDiffusion3",
    "flux": "Flux",
    "qwen": "QwenImage",
    "z": "ZImage",
}
"""What their pipelines are called in diffusers, by the first word of a tiny family's name."""


def base_of(family: str) -> str:
    """What a tiny family's pipelines are called in diffusers, but for the task."""
    return BASES[family.split("-", maxsplit=1)[0]]


ENDINGS = dict(zip(TASKS, ("Pipeline", "Img2ImgPipeline", "InpaintPipeline"), strict=True))


def able(family: str) -> tuple[str, ...]:
    """What a tiny family can do."""
    return ("image_to_image",) if family == "refiner" else ("inpaint",) if family.endswith("inpaint") else TASKS


def mask() -> Image.Image:
    """Its right half shall be painted anew."""
    half = Image.new("L", START.size)
    half.paste(255, (SIDE // 2, 0, SIDE, SIDE))
    return half


def request_for(model: str, task: str, **values: Any) -> GenerationRequest:
    """A small request; the same for every family."""
    values = {
        "prompt": "a red boat",
        "seed": 5,
        "num_inference_steps": 4,
        "model": model,
        "guidance_scale": 3.0,
    } | values
    if task == "text_to_image":
        return TextToImageRequest(**{"width": SIDE, "height": SIDE} | values)
    if task == "image_to_image":
        return ImageToImageRequest(image=START, strength=0.7, **values)
    return InpaintRequest(image=START, mask_image=mask(), mask_blur=0, strength=0.9, **values)


def bare_pipeline(family: str, folder: Path, task: str) -> Any:
    """The task's pipeline as diffusers alone loads it, with Euler.

    Args:
        family: A tiny family's name.
        folder: In diffusers' layout.
        task: One of :data:`TASKS`.
    """
    absent = {"text_encoder_3": None, "tokenizer_3": None} if family == "sd3" else {}
    return _ready(getattr(diffusers, base_of(family) + ENDINGS[task]).from_pretrained(folder, **absent))


def _ready(pipeline: Any) -> Any:
    pipeline.set_progress_bar_config(disable=True)
    if not isinstance(pipeline.scheduler, diffusers.FlowMatchEulerDiscreteScheduler):
        pipeline.scheduler = diffusers.EulerDiscreteScheduler.from_config(pipeline.scheduler.config)
    return pipeline


def bare_from_file(family: str, file: Path, task: str) -> Any:
    """The task's pipeline as diffusers alone loads it from one file in the original layout, with Euler.

    Its conversion of Flux knows one width, which tiny ones do not have: there it is given the transformer. It forgets
    that T5's encoder shares its words. And its pipeline that paints Flux into a picture cannot read a file, so that it
    is put together from the parts of the one that can.
    """
    kind = getattr(diffusers, base_of(family) + ENDINGS[task])
    config = str(file.with_name(f"{file.stem}.components"))
    given: dict[str, Any] = {"text_encoder_3": None, "tokenizer_3": None} if family == "sd3" else {}
    if family.startswith("flux"):
        converted = flux_of_any_width(
            {key: value for key, value in load_file(file).items() if key.startswith("model.diffusion_model.")}
        )
        given["transformer"] = diffusers.FluxTransformer2DModel.from_single_file(
            converted, config=config, subfolder="transformer", local_files_only=True
        )
    last = {"sd3-t5": "text_encoder_3", "sd35": "text_encoder_3"}.get(family, "text_encoder_2")
    if family.startswith("flux") or last == "text_encoder_3":
        encoder = create_diffusers_t5_model_from_checkpoint(
            T5EncoderModel, load_file(file), config=config, subfolder=last, local_files_only=True
        )
        encoder.encoder.embed_tokens.weight = encoder.shared.weight  # which diffusers leaves empty
        given[last] = encoder.eval()  # it is left in training, with dropout
    able_kind = kind if hasattr(kind, "from_single_file") else getattr(diffusers, base_of(family) + "Pipeline")
    loaded = able_kind.from_single_file(file, config=config, local_files_only=True, **given)
    return _ready(loaded if able_kind is kind else kind(**loaded.components))


def bare_picture(family: str, pipeline: Any, request: GenerationRequest, **others: Any) -> np.ndarray[Any, Any]:
    """What that pipeline paints, as numbers 0 … 255."""
    arguments: dict[str, Any] = {
        "prompt": request.prompt,
        "num_inference_steps": request.num_inference_steps,
        "guidance_scale": request.guidance_scale,
        "generator": torch.Generator("cpu").manual_seed(request.seed),
    } | others
    if family == "qwen":
        arguments["true_cfg_scale"] = arguments.pop("guidance_scale")
    if family == "z-image" and request.guidance_scale <= 1:
        arguments["guidance_scale"] = 0.0
    if not family.startswith("flux") and not (family == "qwen" and request.guidance_scale <= 1):
        arguments["negative_prompt"] = request.negative_prompt
    if isinstance(request, ImageToImageRequest) and "image" not in others:
        arguments |= {"image": START, "strength": request.strength}
    if isinstance(request, InpaintRequest):
        arguments |= {"mask_image": mask()}
    sized = request.task != "image_to_image" or not base_of(family).endswith(("Diffusion", "XL"))
    size = {"width": request.width or SIDE, "height": request.height or SIDE} if sized else {}
    return np.asarray(pipeline(**arguments, **size).images[0]).astype(int)


def changed_by(task: str) -> np.ndarray[Any, Any]:
    """Where a task paints."""
    return np.asarray(mask()) > 0 if task == "inpaint" else np.ones((SIDE, SIDE), bool)
