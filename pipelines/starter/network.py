"""The networks of the starter model, new and untrained, in diffusers' own classes."""

from __future__ import annotations

from diffusers import AutoencoderKL, EulerDiscreteScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

WIDTH = 128
TOKENS = 40


def new_autoencoder() -> AutoencoderKL:
    """Returns the autoencoder: 8 × smaller, 4 latent channels; logvar starts low, or latents are noise."""
    vae = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 24, 48, 96),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=128,
        mid_block_add_attention=False,
        scaling_factor=1.0,
    )
    bias = vae.quant_conv.bias
    nn.init.constant_(bias.data[4:], -5.0)
    vae.quant_conv.weight.data[4:] *= 0.1
    return vae


def new_text_encoder(vocabulary: int, bos: int, eos: int) -> CLIPTextModel:
    """Returns the text encoder: three layers, few tokens.

    Args:
        vocabulary: How many tokens the tokenizer knows.
        bos: The token that begins a text.
        eos: The token that ends it and fills it up.
    """
    config = CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=WIDTH,
        intermediate_size=3 * WIDTH,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=TOKENS,
        projection_dim=WIDTH,
        bos_token_id=bos,
        eos_token_id=eos,
        pad_token_id=eos,
    )
    return CLIPTextModel(config)


def new_unet() -> UNet2DConditionModel:
    """Returns the U-Net; pooled text also enters with the timestep, its shortest way in."""
    unet = UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        block_out_channels=(32, 96, 160),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
        time_embedding_dim=2 * WIDTH,
        resnet_time_scale_shift="scale_shift",
        addition_embed_type="text",
        addition_embed_type_num_heads=16,
    )
    nn.init.zeros_(unet.conv_out.weight)
    nn.init.zeros_(unet.conv_out.bias)
    unet.set_attn_processor(AttnProcessor())
    return unet


def new_scheduler() -> EulerDiscreteScheduler:
    """Returns the noise schedule; its config makes every other scheduler of diffusers through `from_config`.

    DDPM's linear betas end in almost pure noise, where only the text says what colour a flat picture has.
    """
    return EulerDiscreteScheduler(
        num_train_timesteps=1000,
        beta_start=1e-4,
        beta_end=0.02,
        beta_schedule="linear",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        steps_offset=1,
    )


def scheduler_extras() -> dict[str, bool]:
    """Returns what the scheduler's config must also say, for schedulers made from it.

    DDIM and DDPM clip what is not a picture unless told not to, and DDIM ends in a wrong place.
    """
    return {"clip_sample": False, "set_alpha_to_one": False, "skip_prk_steps": True}
