"""One real pipeline of every family with random weights, as small as its classes allow, saved as people have them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import torch
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

from tests.benchmarks.real_sizes import SDXL, save_random, shrunk
from tests.tiny_model import WIDTH, WORDS, make_tokenizer

LATENT_CHANNELS = 16
"""Of Stable Diffusion 3 and Flux, so that their real preview factors fit."""

FLUX_SHIFT = {"shift": 3.0, "use_dynamic_shifting": True, "base_shift": 0.5, "max_shift": 1.15}


def save_family(family: str, folder: Path) -> Path:
    """Writes a checkpoint in diffusers' layout.

    Args:
        family: A key of :data:`MAKERS`, or ``sdxl``.
        folder: Where to.
    """
    with torch.random.fork_rng():
        torch.manual_seed(0)
        if family == "sdxl":
            save_random(shrunk(SDXL), folder, dtype=torch.float32)
        else:
            MAKERS[family]().save_pretrained(folder, safe_serialization=True)
    return folder


def make_sd3(*, t5: bool) -> diffusers.StableDiffusion3Pipeline:
    """Stable Diffusion 3: two CLIPs, T5 or none, and a transformer that sees words and picture as one."""
    joint = 2 * WIDTH
    return diffusers.StableDiffusion3Pipeline(
        transformer=diffusers.SD3Transformer2DModel(
            sample_size=8,
            patch_size=2,
            in_channels=LATENT_CHANNELS,
            out_channels=LATENT_CHANNELS,
            num_layers=2,
            num_attention_heads=2,
            attention_head_dim=8,
            caption_projection_dim=16,
            joint_attention_dim=joint,
            pooled_projection_dim=joint,
            pos_embed_max_size=16,
        ).eval(),
        vae=make_vae(scaling_factor=1.5305, shift_factor=0.0609),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        text_encoder=make_clip(CLIPTextModelWithProjection),
        tokenizer=make_tokenizer(),
        text_encoder_2=make_clip(CLIPTextModelWithProjection),
        tokenizer_2=make_tokenizer(),
        text_encoder_3=make_t5(joint) if t5 else None,
        tokenizer_3=make_t5_tokenizer() if t5 else None,
    )


def make_flux() -> diffusers.FluxPipeline:
    """Flux: CLIP for the whole, T5 for the words, latents in packs of 2 × 2, guidance as an input."""
    return diffusers.FluxPipeline(
        transformer=diffusers.FluxTransformer2DModel(
            patch_size=1,
            in_channels=4 * LATENT_CHANNELS,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=2 * WIDTH,
            pooled_projection_dim=WIDTH,
            guidance_embeds=True,
            axes_dims_rope=(4, 4, 8),
        ).eval(),
        vae=make_vae(scaling_factor=0.3611, shift_factor=0.1159),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(**FLUX_SHIFT),
        text_encoder=make_clip(CLIPTextModel),
        tokenizer=make_tokenizer(),
        text_encoder_2=make_t5(2 * WIDTH),
        tokenizer_2=make_t5_tokenizer(),
    )


MAKERS: dict[str, Callable[[], Any]] = {
    "sd3": lambda: make_sd3(t5=False),
    "sd3-t5": lambda: make_sd3(t5=True),
    "flux": make_flux,
}


def make_vae(**factors: float) -> diffusers.AutoencoderKL:
    """A VAE of sixteen channels that shrinks by 8."""
    return diffusers.AutoencoderKL(
        block_out_channels=(4, 4, 8, 8),
        norm_num_groups=4,
        layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=LATENT_CHANNELS,
        use_quant_conv=False,
        use_post_quant_conv=False,
        **factors,
    ).eval()


def make_clip(kind: type[Any]) -> Any:
    """A CLIP text encoder of one layer."""
    tokenizer = make_tokenizer()
    return kind(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=2 * WIDTH,
            projection_dim=WIDTH,
            num_hidden_layers=2,
            num_attention_heads=2,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    ).eval()


def make_t5(width: int) -> T5EncoderModel:
    """A T5 text encoder of one layer."""
    config = T5Config(
        vocab_size=len(make_t5_tokenizer()), d_model=width, d_kv=8, d_ff=2 * width, num_layers=1, num_heads=2
    )
    return T5EncoderModel(config).eval()


def make_t5_tokenizer() -> T5Tokenizer:
    """A T5 tokenizer with every letter and a handful of words."""
    letters = [(chr(code), -4.0) for code in range(33, 127)]
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -3.0)]
    return T5Tokenizer(
        vocab=[*special, *letters, *((f"▁{word}", -1.0) for word in WORDS)], extra_ids=0, model_max_length=512
    )
