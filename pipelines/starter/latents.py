"""The painted pictures as the U-Net sees them: standardised latents beside tokenised captions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from transformers import CLIPTokenizer

from pipelines.starter.autoencoder import to_tensor
from pipelines.starter.captions import caption
from pipelines.starter.pictures import Batch, Pixels
from pipelines.starter.world import Scene

WAYS = 4


@dataclass(frozen=True)
class Lesson:
    """What the text encoder and the U-Net learn from.

    Attributes:
        latents: Every picture's latents, (pictures, 4, 16, 16), of mean 0 and deviation 1 a channel.
        tokens: Every picture's captions, (pictures, ways, tokens).
        empty: The empty caption's tokens, (tokens,).
    """

    latents: Tensor
    tokens: Tensor
    empty: Tensor

    def batch(self, count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Returns random latents and, for each, one of its captions."""
        index = torch.from_numpy(rng.integers(len(self.latents), size=count))
        way = torch.from_numpy(rng.integers(self.tokens.shape[1], size=count))
        return self.latents[index].float(), self.tokens[index, way].long()


def tokenized(tokenizer: CLIPTokenizer, captions: list[str]) -> Tensor:
    """Returns the captions' tokens, filled up to the tokenizer's length."""
    encoded = tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt")
    tokens: Tensor = encoded.input_ids
    return tokens


@torch.no_grad()
def encoded(vae: AutoencoderKL, pixels: Pixels, each: int = 50) -> Tensor:
    """Returns pictures' latents, the middle of what the encoder says."""
    parts = [to_tensor(pixels[start : start + each]) for start in range(0, len(pixels), each)]
    return torch.cat([vae.encode(part).latent_dist.mode() for part in parts])


@torch.no_grad()
def standardize(vae: AutoencoderKL, pixels: Pixels) -> None:
    """Gives latents mean 0 and deviation 1 a channel by folding both into the 1 × 1 layers around them.

    The pipelines then need no scaling factor and noise weighs the same on every channel.
    """
    latents = encoded(vae, pixels)
    mean, deviation = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    inward, outward = vae.quant_conv, vae.post_quant_conv
    outward.bias += (outward.weight[:, :, 0, 0] * mean).sum(1)
    outward.weight *= deviation[None, :, None, None]
    inward.bias[:4] = (inward.bias[:4] - mean) / deviation
    inward.weight[:4] /= deviation[:, None, None, None]
    inward.bias[4:] -= 2 * deviation.log()


def make_lesson(vae: AutoencoderKL, tokenizer: CLIPTokenizer, batches: Iterable[Batch], seed: int) -> Lesson:
    """Encodes painted pictures and writes captions for them.

    Args:
        vae: The autoencoder, standardised.
        tokenizer: The tokenizer.
        batches: Painted pictures with what they show.
        seed: What the captions' chance comes from.
    """
    rng = np.random.default_rng((seed, 2))
    latents, tokens = [], []
    for scenes, pixels in batches:
        latents.append(encoded(vae, pixels).half())
        tokens.append(_captioned(tokenizer, scenes, rng))
    return Lesson(torch.cat(latents), torch.cat(tokens), tokenized(tokenizer, [""])[0].to(torch.int16))


def _captioned(tokenizer: CLIPTokenizer, scenes: list[Scene], rng: np.random.Generator) -> Tensor:
    captions = [caption(scene, rng) for scene in scenes for _ in range(WAYS)]
    return tokenized(tokenizer, captions).reshape(len(scenes), WAYS, -1).to(torch.int16)
