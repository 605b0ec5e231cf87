"""One real pipeline of every family with random weights, as small as its classes allow, saved as people have them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import torch
from tokenizers import pre_tokenizers
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Tokenizer,
    Qwen3Config,
    Qwen3Model,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

from tests.tiny_model import WIDTH, WORDS, make_tokenizer

LATENT_CHANNELS = 16
"""Of Stable Diffusion 3 and Flux, so that their real preview factors fit."""

FLUX_SHIFT = {"shift": 3.0, "use_dynamic_shifting": True, "base_shift": 0.5, "max_shift": 1.15}


def save_family(family: str, folder: Path) -> Path:
    """Writes a checkpoint in diffusers' layout.

    Args:
        family: A key of :data:`MAKERS`.
        folder: Where to.
    """
    make_family(family).save_pretrained(folder, safe_serialization=True)
    return folder


def make_family(family: str, seed: int = 0) -> Any:
    """Makes a pipeline with random weights, the same ones each time.

    Args:
        family: A key of :data:`MAKERS`.
        seed: Of the weights.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        pipeline = MAKERS[family]()
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def make_sd(
    *,
    old: bool = True,
    prediction_type: str = "epsilon",
    channels: int = 4,
    seed_class: str = "StableDiffusionPipeline",
) -> Any:
    """Stable Diffusion 1.x, or 2.x with OpenCLIP's encoder and linear projections; with nine channels it inpaints."""
    return getattr(diffusers, seed_class)(
        unet=make_unet(
            ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
            cross_attention_dim=WIDTH,
            attention_head_dim=2 if old else (1, 1, 2, 2),
            use_linear_projection=not old,
            in_channels=channels,
        ),
        vae=make_vae(4, sample_size=64, scaling_factor=0.18215),
        text_encoder=make_clip(CLIPTextModel, hidden_act="quick_gelu" if old else "gelu"),
        tokenizer=make_tokenizer(),
        scheduler=make_scheduler(prediction_type),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def make_sdxl(*, channels: int = 4, prediction_type: str = "epsilon") -> Any:
    """Stable Diffusion XL: two encoders of different widths, the picture's size as an input."""
    second = WIDTH + 8
    kind = diffusers.StableDiffusionXLPipeline if channels == 4 else diffusers.StableDiffusionXLInpaintPipeline
    return kind(
        unet=make_unet(
            ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            cross_attention_dim=WIDTH + second,
            attention_head_dim=(1, 2, 2),
            transformer_layers_per_block=(1, 1, 2),
            use_linear_projection=True,
            in_channels=channels,
            **sizes_as_input(second, 6),
        ),
        vae=make_vae(4, sample_size=64, scaling_factor=0.13025, force_upcast=True),
        text_encoder=make_clip(CLIPTextModel, hidden_act="quick_gelu"),
        text_encoder_2=make_clip(CLIPTextModelWithProjection, second, hidden_act="gelu"),
        tokenizer=make_tokenizer(),
        tokenizer_2=make_tokenizer(),
        scheduler=make_scheduler(prediction_type),
    )


def make_refiner() -> diffusers.StableDiffusionXLImg2ImgPipeline:
    """The XL refiner: the second encoder alone, and how beautiful the picture shall be as an input."""
    second = WIDTH + 8
    return diffusers.StableDiffusionXLImg2ImgPipeline(
        unet=make_unet(
            ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
            cross_attention_dim=second,
            attention_head_dim=(1, 2, 2, 2),
            transformer_layers_per_block=1,
            use_linear_projection=True,
            **sizes_as_input(second, 5),
        ),
        vae=make_vae(4, sample_size=64, scaling_factor=0.13025, force_upcast=True),
        text_encoder=None,
        tokenizer=None,
        text_encoder_2=make_clip(CLIPTextModelWithProjection, second, hidden_act="gelu"),
        tokenizer_2=make_tokenizer(),
        scheduler=make_scheduler("epsilon"),
        requires_aesthetics_score=True,
        force_zeros_for_empty_prompt=False,
    )


def sizes_as_input(pooled: int, numbers: int) -> dict[str, Any]:
    """What a U-Net of the XL kind is told beside the prompt: its whole meaning, and some numbers, 4 channels each."""
    return {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 4,
        "projection_class_embeddings_input_dim": pooled + 4 * numbers,
    }


def make_unet(blocks: tuple[str, ...], **settings: Any) -> diffusers.UNet2DConditionModel:
    """A U-Net of few channels with as many blocks and layers as the published ones: their names depend on that."""
    return diffusers.UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 8, 16, 16)[: len(blocks)],
        norm_num_groups=4,
        layers_per_block=2,
        down_block_types=blocks,
        up_block_types=tuple(name.replace("Down", "Up") for name in reversed(blocks)),
        **settings,
    ).eval()


def make_scheduler(prediction_type: str) -> diffusers.DDIMScheduler:
    """The noise that Stable Diffusion up to XL was trained on."""
    return diffusers.DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type=prediction_type,
    )


def make_sd3(*, t5: bool, newer: bool = False) -> diffusers.StableDiffusion3Pipeline:
    """Stable Diffusion 3: two CLIPs, T5 or none, and a transformer that sees words and picture as one; or 3.5."""
    second = WIDTH + 8
    joint = WIDTH + second
    first = make_clip(CLIPTextModelWithProjection, hidden_act="quick_gelu")
    with torch.no_grad():
        first.text_projection.weight.copy_(torch.eye(WIDTH))  # as published: diffusers reads no other from one file
    newer_ways = {"qk_norm": "rms_norm", "dual_attention_layers": (0,)} if newer else {}
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
            **newer_ways,
        ).eval(),
        vae=make_vae(scaling_factor=1.5305, shift_factor=0.0609),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        text_encoder=first,
        tokenizer=make_tokenizer(),
        text_encoder_2=make_clip(CLIPTextModelWithProjection, second, hidden_act="gelu"),
        tokenizer_2=make_tokenizer(),
        text_encoder_3=make_t5(joint) if t5 else None,
        tokenizer_3=make_t5_tokenizer() if t5 else None,
    )


def make_flux(*, guided: bool = True) -> diffusers.FluxPipeline:
    """Flux: CLIP for the whole, T5 for the words, latents in packs of 2 × 2, guidance as an input or (schnell) none."""
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
            guidance_embeds=guided,
            axes_dims_rope=(4, 4, 8),
        ).eval(),
        vae=make_vae(scaling_factor=0.3611, shift_factor=0.1159),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(**(FLUX_SHIFT if guided else {"shift": 1.0})),
        text_encoder=make_clip(CLIPTextModel),
        tokenizer=make_tokenizer(),
        text_encoder_2=make_t5(2 * WIDTH),
        tokenizer_2=make_t5_tokenizer(),
    )


def make_qwen() -> diffusers.QwenImagePipeline:
    """Qwen-Image: a language model's understanding of the words, and a VAE that was made for films."""
    vocabulary = {"vocab_size": len(make_qwen_tokenizer()), "bos_token_id": None, "eos_token_id": 0, "pad_token_id": 0}
    words = {"hidden_size": WIDTH, "intermediate_size": WIDTH, "num_hidden_layers": 1, **vocabulary}
    words |= {"num_attention_heads": 2, "num_key_value_heads": 2}
    words |= {"rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [1, 1, 2]}}
    eyes = {"depth": 1, "hidden_size": WIDTH, "intermediate_size": WIDTH, "num_heads": 2, "out_hidden_size": WIDTH}
    return diffusers.QwenImagePipeline(
        transformer=diffusers.QwenImageTransformer2DModel(
            patch_size=2,
            in_channels=4 * LATENT_CHANNELS,
            out_channels=LATENT_CHANNELS,
            num_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=WIDTH,
            axes_dims_rope=(4, 4, 8),
        ).eval(),
        vae=diffusers.AutoencoderKLQwenImage(base_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1).eval(),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(**FLUX_SHIFT),
        text_encoder=Qwen2_5_VLForConditionalGeneration(
            Qwen2_5_VLConfig(text_config=words, vision_config=eyes, **vocabulary)
        ).eval(),
        tokenizer=make_qwen_tokenizer(),
    )


def make_z_image() -> diffusers.ZImagePipeline:
    """Z-Image: a language model's understanding of the words, Flux's VAE, prompts of every length side by side."""
    return diffusers.ZImagePipeline(
        transformer=diffusers.ZImageTransformer2DModel(
            in_channels=LATENT_CHANNELS,
            dim=32,
            n_layers=1,
            n_refiner_layers=1,
            n_heads=2,
            n_kv_heads=2,
            cap_feat_dim=WIDTH,
            axes_dims=[4, 4, 8],
            axes_lens=[1024, 64, 64],
        ).eval(),
        vae=make_vae(scaling_factor=0.3611, shift_factor=0.1159),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        text_encoder=Qwen3Model(
            Qwen3Config(
                vocab_size=len(make_qwen_tokenizer()),
                hidden_size=WIDTH,
                intermediate_size=WIDTH,
                num_hidden_layers=2,
                num_attention_heads=2,
                num_key_value_heads=2,
                head_dim=8,
                bos_token_id=None,
                eos_token_id=0,
                pad_token_id=0,
            )
        ).eval(),
        tokenizer=make_qwen_tokenizer(),
    )


MAKERS: dict[str, Callable[[], Any]] = {
    "sd1": make_sd,
    "sd1-inpaint": lambda: make_sd(channels=9, seed_class="StableDiffusionInpaintPipeline"),
    "sd2": lambda: make_sd(old=False),
    "sd2-v": lambda: make_sd(old=False, prediction_type="v_prediction"),
    "sdxl": make_sdxl,
    "sdxl-inpaint": lambda: make_sdxl(channels=9),
    "refiner": make_refiner,
    "sd3": lambda: make_sd3(t5=False),
    "sd3-t5": lambda: make_sd3(t5=True),
    "sd35": lambda: make_sd3(t5=True, newer=True),
    "flux": make_flux,
    "flux-schnell": lambda: make_flux(guided=False),
    "qwen": make_qwen,
    "z-image": make_z_image,
}


def make_vae(channels: int = LATENT_CHANNELS, **factors: Any) -> diffusers.AutoencoderKL:
    """A VAE that shrinks by 8; of sixteen channels as of 2024 on, of four before."""
    return diffusers.AutoencoderKL(
        block_out_channels=(4, 4, 8, 8),
        norm_num_groups=4,
        layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=channels,
        use_quant_conv=channels == 4,
        use_post_quant_conv=channels == 4,
        **factors,
    ).eval()


def make_clip(kind: type[Any], width: int = WIDTH, **settings: Any) -> Any:
    """A CLIP text encoder of two layers."""
    tokenizer = make_tokenizer()
    return kind(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=2 * width,
            projection_dim=width,
            num_hidden_layers=2,
            num_attention_heads=2,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            **settings,
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


def make_qwen_tokenizer() -> Qwen2Tokenizer:
    """A Qwen tokenizer with every byte, the marks of a conversation, and how one is written down."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {token: index for index, token in enumerate(["<|endoftext|>", "<|im_start|>", "<|im_end|>", *letters])}
    tokenizer = Qwen2Tokenizer(vocab=vocab, merges=[], extra_special_tokens=["<|im_start|>", "<|im_end|>"])
    tokenizer.chat_template = (
        "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
        "<|im_start|>assistant\n"
    )
    return tokenizer
