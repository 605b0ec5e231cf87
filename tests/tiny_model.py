"""A real Stable Diffusion pipeline that paints noise in milliseconds: real classes, random weights."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from tokenizers import pre_tokenizers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

WIDTH = 16
"""Channels of the text encoder, which the U-Net attends to."""

WORDS = ("a", "red", "blue", "circle", "boat", "on", "the", "background")
"""Whole words the tokenizer knows; every other word is spelt letter by letter, so nothing is unknown."""


def make_tiny_pipeline(seed: int = 0) -> StableDiffusionPipeline:
    """Makes the pipeline: native size 64 × 64, four latent channels, a VAE that shrinks by 8.

    Args:
        seed: Of the weights; the same seed gives the same weights.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        tokenizer = make_tokenizer()
        return StableDiffusionPipeline(
            vae=AutoencoderKL(
                block_out_channels=(4, 4, 8, 8),
                norm_num_groups=4,
                layers_per_block=1,
                down_block_types=("DownEncoderBlock2D",) * 4,
                up_block_types=("UpDecoderBlock2D",) * 4,
                latent_channels=4,
                sample_size=64,
            ).eval(),
            text_encoder=CLIPTextModel(
                CLIPTextConfig(
                    vocab_size=len(tokenizer),
                    hidden_size=WIDTH,
                    intermediate_size=2 * WIDTH,
                    num_hidden_layers=2,
                    num_attention_heads=2,
                    bos_token_id=tokenizer.bos_token_id,
                    eos_token_id=tokenizer.eos_token_id,
                    pad_token_id=tokenizer.pad_token_id,
                )
            ).eval(),
            tokenizer=tokenizer,
            unet=UNet2DConditionModel(
                block_out_channels=(8, 16),
                norm_num_groups=4,
                layers_per_block=1,
                sample_size=8,
                down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
                up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
                cross_attention_dim=WIDTH,
                attention_head_dim=4,
            ).eval(),
            scheduler=DDIMScheduler(
                beta_start=0.00085,
                beta_end=0.012,
                beta_schedule="scaled_linear",
                clip_sample=False,
                set_alpha_to_one=False,
                steps_offset=1,
            ),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )


def make_tokenizer() -> CLIPTokenizer:
    """Makes a CLIP tokenizer with every byte and a handful of words."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [pair for word in WORDS for pair in _merges(word)]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in merges)]
    vocab = {token: index for index, token in enumerate(dict.fromkeys([*tokens, "<|startoftext|>", "<|endoftext|>"]))}
    return CLIPTokenizer(vocab=vocab, merges=list(dict.fromkeys(merges)), model_max_length=77)


def _merges(word: str) -> list[tuple[str, str]]:
    """How byte-pair encoding puts a word together, from its beginning on."""
    pieces = [*word[:-1], f"{word[-1]}</w>"]
    return [("".join(pieces[:length]), pieces[length]) for length in range(1, len(pieces))]
