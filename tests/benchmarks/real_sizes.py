"""Networks with random weights in the shapes of real checkpoints, so that nothing has to be downloaded to time them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import diffusers
import torch
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from tests.tiny_model import make_tokenizer


@dataclass(frozen=True)
class Shape:
    """What a checkpoint's ``config.json`` files say.

    Attributes:
        name: Its folder.
        label: For people.
        pipeline: The text-to-image pipeline in diffusers.
        unet: Configuration of the U-Net.
        vae: Configuration of the VAE.
        encoders: Configurations of the text encoders; the last of two has a projection.
        size: Side of its native square in pixels.
    """

    name: str
    label: str
    pipeline: str
    unet: Mapping[str, Any]
    vae: Mapping[str, Any]
    encoders: tuple[Mapping[str, Any], ...]
    size: int


REAL_VAE: Final = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
}

SMALL_VAE: Final = {**REAL_VAE, "block_out_channels": (4, 4, 8, 8), "layers_per_block": 1, "norm_num_groups": 4}

CLIP_L: Final = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "vocab_size": 49408,
    "projection_dim": 768,
}

OPENCLIP_BIG_G: Final = {
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 20,
    "vocab_size": 49408,
    "projection_dim": 1280,
    "hidden_act": "gelu",
}

SD15: Final = Shape(
    name="sd15",
    label="SD 1.5's size",
    pipeline="StableDiffusionPipeline",
    unet={
        "sample_size": 64,
        "block_out_channels": (320, 640, 1280, 1280),
        "down_block_types": (*("CrossAttnDownBlock2D",) * 3, "DownBlock2D"),
        "up_block_types": ("UpBlock2D", *("CrossAttnUpBlock2D",) * 3),
        "cross_attention_dim": 768,
        "attention_head_dim": 8,
    },
    vae=REAL_VAE | {"sample_size": 512, "scaling_factor": 0.18215},
    encoders=(CLIP_L,),
    size=512,
)

SDXL: Final = Shape(
    name="sdxl",
    label="SDXL's size",
    pipeline="StableDiffusionXLPipeline",
    unet={
        "sample_size": 128,
        "block_out_channels": (320, 640, 1280),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "transformer_layers_per_block": (1, 2, 10),
        "attention_head_dim": (5, 10, 20),
        "cross_attention_dim": 2048,
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
    vae=REAL_VAE | {"sample_size": 1024, "scaling_factor": 0.13025},
    encoders=(CLIP_L, OPENCLIP_BIG_G),
    size=1024,
)


def small_encoder(width: int) -> dict[str, Any]:
    """A text encoder of one layer that a U-Net with this ``cross_attention_dim`` can listen to."""
    return {
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "vocab_size": 1024,
        "projection_dim": width,
    }


def shrunk(shape: Shape) -> Shape:
    """The same blocks and conditions with few channels, for machines without an accelerator."""
    blocks = len(shape.unet["block_out_channels"])
    unet = {
        **shape.unet,
        "sample_size": 8,
        "block_out_channels": (8, 16, 16, 16)[:blocks],
        "norm_num_groups": 4,
        "layers_per_block": 1,
        "attention_head_dim": (2, 4, 4) if isinstance(shape.unet["attention_head_dim"], tuple) else 4,
        "cross_attention_dim": 16 * len(shape.encoders),
    }
    if "addition_embed_type" in unet:
        unet |= {"addition_time_embed_dim": 4, "projection_class_embeddings_input_dim": 16 + 6 * 4}
        unet["transformer_layers_per_block"] = (1, 1, 2)
    return replace(
        shape,
        name=f"{shape.name}-shrunk",
        label=f"{shape.label}, shrunk",
        unet=unet,
        vae={**SMALL_VAE, "sample_size": 64},
        encoders=(small_encoder(16),) * len(shape.encoders),
        size=64,
    )


def make_unet(shape: Shape, device: str = "cpu", dtype: torch.dtype = torch.float16) -> Any:
    """The U-Net alone; on ``meta`` it has shapes and no weights."""
    return _filled(diffusers.UNet2DConditionModel, shape.unet, device, dtype)


def make_vae(shape: Shape, device: str = "cpu", dtype: torch.dtype = torch.float16) -> Any:
    """The VAE alone."""
    return _filled(diffusers.AutoencoderKL, shape.vae, device, dtype)


def save_random(shape: Shape, folder: Path, *, device: str = "cpu", dtype: torch.dtype = torch.float16) -> None:
    """Writes a checkpoint of this shape in diffusers' layout.

    Args:
        shape: Which one.
        folder: Where to.
        device: Where the weights are drawn; the seed is always the same.
        dtype: What they are saved in.
    """
    tokenizer = make_tokenizer()
    parts: dict[str, Any] = {"unet": make_unet(shape, device, dtype), "vae": make_vae(shape, device, dtype)}
    for number, config in enumerate(shape.encoders):
        ending = "" if number == 0 else f"_{number + 1}"
        ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
        make = CLIPTextModel if number == 0 else CLIPTextModelWithProjection
        parts[f"text_encoder{ending}"] = make(CLIPTextConfig(**config, **ids)).to(dtype)
        parts[f"tokenizer{ending}"] = tokenizer
    if len(shape.encoders) == 1:
        parts |= {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    scheduler = diffusers.DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    getattr(diffusers, shape.pipeline)(scheduler=scheduler, **parts).save_pretrained(folder, safe_serialization=True)


def _filled(make: type[Any], config: Mapping[str, Any], device: str, dtype: torch.dtype) -> Any:
    """Weights whose outputs are about as large as their inputs, so that half precision does not overflow."""
    with torch.device("meta"):
        network = make.from_config(dict(config)).to(dtype)
    if device == "meta":
        return network
    network.to_empty(device=device)
    source = torch.Generator(device).manual_seed(0)
    for name, weight in network.named_parameters():
        with torch.no_grad():
            if weight.ndim > 1:
                reach = 1 / math.sqrt(weight[0].numel())
                weight.uniform_(-reach, reach, generator=source)
            else:
                weight.fill_(1.0 if name.endswith("weight") else 0.0)
    return network.eval()
