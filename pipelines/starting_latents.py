"""Latents that painting begins from, where diffusers' pipelines would not make them of the picture alone."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image

from .errors import InvalidRequest
from .framing import Frame
from .request import GenerationRequest, InpaintRequest


def start_from(
    request: GenerationRequest, frame: Frame, pipeline: Any, generator: torch.Generator
) -> dict[str, torch.Tensor]:
    """Makes latents in place of the picture, for the resize mode ``latent`` and the latent masked contents.

    Args:
        request: What is asked for.
        frame: Sizes and fitted pictures.
        pipeline: The picture's own.
        generator: The picture's own.

    Returns:
        What the pipeline is called with besides; nothing where it can do by itself.

    Raises:
        InvalidRequest: The model's latents are of another kind.
    """
    content = frame.masked_content if frame.masked_content.startswith("latent") else ""
    if isinstance(request, InpaintRequest) and request.strength == 1.0:
        content = ""  # diffusers begins from noise alone
    original = frame.working_original
    if original is None or not (content or frame.latent_source):
        return {}
    field = "masked_content" if content else "resize_mode"
    refuse_other_latents(pipeline, field, getattr(request, field))
    latents = encode(pipeline, frame.latent_source or frame.working_image or original, generator)
    size = tuple(side // pipeline.vae_scale_factor for side in reversed(frame.working_size))
    if latents.shape[-2:] != size:
        latents = torch.nn.functional.interpolate(latents, size, mode="bilinear")
    if frame.working_mask is None:
        return {"image": latents}
    mask = pipeline.mask_processor.preprocess(frame.working_mask)
    masked = torch.nn.functional.interpolate(mask, size).to(latents.device) > 0.5
    if content == "latent_noise":
        noise = randn_tensor(latents.shape, generator=generator, device=latents.device, dtype=latents.dtype)
        latents = torch.where(masked, noise, latents)
    elif content == "latent_nothing":
        latents = latents.masked_fill(masked, 0.0)
    # diffusers makes these of the picture's pixels, which it is not given now; only nine-channel models read them
    shown = _pixels(pipeline, original) * (mask < 0.5)
    return {"image": latents, "masked_image_latents": _encode(pipeline, shown, generator)}


def refuse_other_latents(pipeline: Any, field: str, value: object) -> None:
    """Refuses models that paint by flow matching: diffusers noises, packs and scales their latents in other ways.

    Raises:
        InvalidRequest: The pipeline has no U-Net.
    """
    if not hasattr(pipeline, "unet"):
        shown = str(value).lower() if isinstance(value, bool) else value
        raise InvalidRequest(
            field, f"{field} is {shown}, which needs a Stable Diffusion 1, 2 or XL model; choose one, or leave it out."
        )


def encode(pipeline: Any, image: Image.Image, generator: torch.Generator) -> torch.Tensor:
    """Encodes a picture as diffusers' pipelines do.

    Returns:
        Latents as the sampler holds them, shape [1, channels, height / 8, width / 8].
    """
    return _encode(pipeline, _pixels(pipeline, image), generator)


def _pixels(pipeline: Any, image: Image.Image) -> torch.Tensor:
    pixels: torch.Tensor = pipeline.image_processor.preprocess(image)
    return pixels


def _encode(pipeline: Any, pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    vae = pipeline.vae
    with torch.no_grad():
        drawn = vae.encode(pixels.to(vae.device, vae.dtype)).latent_dist.sample(generator)
    config = vae.config
    if config.get("latents_mean") and config.get("latents_std"):
        mean, std = (torch.tensor(config[name]).view(1, -1, 1, 1).to(drawn) for name in ("latents_mean", "latents_std"))
        drawn = (drawn - mean) / std
    latents: torch.Tensor = drawn * config.scaling_factor
    return latents
