"""Trains the autoencoder: crops first, whole pictures later; the decoder may go on alone afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor, nn

from pipelines.starter.network import new_autoencoder
from pipelines.starter.pictures import Pixels
from pipelines.starter.progress import Course
from pipelines.starter.settings import Settings

CROPS_UNTIL = 0.62


def to_tensor(pixels: Pixels, device: str = "cpu") -> Tensor:
    """Returns pictures (n, height, width, 3) of bytes as (n, 3, height, width) from −1 to 1."""
    return torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1


def _crops(pixels: Pixels, count: int, side: int, rng: np.random.Generator) -> Pixels:
    # Of two random crops the busier one: flat ones teach little.
    chosen = []
    for index in rng.integers(len(pixels), size=count):
        tries = []
        for _ in range(2):
            top, left = rng.integers(pixels.shape[1] - side + 1, size=2)
            tries.append(pixels[index, top : top + side, left : left + side])
        chosen.append(max(tries, key=lambda crop: float(crop[::4, ::4].std(axis=(0, 1)).sum())))
    return np.stack(chosen)


def _differences(picture: Tensor) -> tuple[Tensor, Tensor]:
    return picture[..., 1:, :] - picture[..., :-1, :], picture[..., 1:] - picture[..., :-1]


def picture_loss(drawn: Tensor, picture: Tensor) -> Tensor:
    """Returns how unlike two pictures are: level, edges, local mean and large errors."""
    loss = F.l1_loss(drawn, picture) + F.mse_loss(drawn, picture)
    for ours, theirs in zip(_differences(drawn), _differences(picture), strict=True):
        loss = loss + F.l1_loss(ours, theirs)
    return loss + F.l1_loss(F.avg_pool2d(drawn, 4), F.avg_pool2d(picture, 4))


def _batch(pixels: Pixels, settings: Settings, done: float, rng: np.random.Generator) -> Pixels:
    if done < CROPS_UNTIL:
        return _crops(pixels, settings.crop_batch, settings.crop, rng)
    return pixels[rng.integers(len(pixels), size=settings.picture_batch)]


def train_autoencoder(pixels: Pixels, settings: Settings, minutes: float, work: Path) -> AutoencoderKL:
    """Trains encoder and decoder together.

    A 1 × 1 layer must read each latent's mean colour off it; that fixes hues early and makes previews linear.

    Args:
        pixels: Painted pictures.
        settings: Batch sizes and the seed.
        minutes: The time budget.
        work: Where the checkpoint is kept.

    Returns:
        The trained autoencoder.
    """
    torch.manual_seed(settings.seed)
    vae, hue = new_autoencoder(), nn.Conv2d(4, 3, 1)
    parameters = [*vae.parameters(), *hue.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=2e-3, betas=(0.9, 0.99), weight_decay=1e-4)
    course = Course("autoencoder", minutes, work / "autoencoder.pt")
    if state := course.resume():
        vae.load_state_dict(state["vae"])
        hue.load_state_dict(state["hue"])
        optimizer.load_state_dict(state["optimizer"])

    def save(*, finished: bool) -> None:
        state = {"vae": vae.state_dict(), "hue": hue.state_dict(), "optimizer": optimizer.state_dict()}
        course.save(state, finished=finished)

    rng = np.random.default_rng((settings.seed, course.step))
    for done in course.steps():
        picture = to_tensor(_batch(pixels, settings, done, rng))
        posterior = vae.encode(picture).latent_dist
        latents = posterior.sample()
        loss = picture_loss(vae.decode(latents).sample, picture)
        loss = loss + 2.0 * F.l1_loss(hue(latents), F.avg_pool2d(picture, 8))
        total = loss + 1.5e-4 * posterior.kl().mean() / (latents.shape[-1] * latents.shape[-2])
        _advance(optimizer, total, parameters, course.rate(2e-3))
        course.report(loss.item())
        if course.due(60):
            save(finished=False)
    save(finished=True)
    return vae


def train_decoder(vae: AutoencoderKL, pixels: Pixels, settings: Settings, minutes: float, work: Path) -> AutoencoderKL:
    """Trains the decoder alone on whole pictures; latents keep their meaning, so the U-Net needs no change.

    Args:
        vae: The autoencoder whose decoder goes on.
        pixels: Painted pictures.
        settings: Batch sizes and the seed.
        minutes: The time budget.
        work: Where the checkpoint is kept.

    Returns:
        The same autoencoder.
    """
    torch.manual_seed(settings.seed + 1)
    vae.encoder.requires_grad_(False)
    vae.quant_conv.requires_grad_(False)
    parameters = [*vae.decoder.parameters(), *vae.post_quant_conv.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, betas=(0.9, 0.99), weight_decay=1e-4)
    course = Course("decoder", minutes, work / "decoder.pt")
    if state := course.resume():
        vae.load_state_dict(state["vae"])
        optimizer.load_state_dict(state["optimizer"])
    rng = np.random.default_rng((settings.seed, 1, course.step))
    for _ in course.steps():
        picture = to_tensor(pixels[rng.integers(len(pixels), size=settings.picture_batch)])
        with torch.no_grad():
            latents = vae.encode(picture).latent_dist.sample()
            latents = latents + 0.03 * torch.randn_like(latents) * float(vae.config.scaling_factor) ** -1
        loss = picture_loss(vae.decode(latents).sample, picture)
        _advance(optimizer, loss, parameters, course.rate(1e-3))
        course.report(loss.item())
        if course.due(60):
            course.save({"vae": vae.state_dict(), "optimizer": optimizer.state_dict()})
    course.save({"vae": vae.state_dict(), "optimizer": optimizer.state_dict()}, finished=True)
    return vae


def _advance(optimizer: torch.optim.Optimizer, loss: Tensor, parameters: list[nn.Parameter], rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()


def peak_signal_to_noise(vae: AutoencoderKL, pixels: Pixels) -> float:
    """Returns how well pictures survive the autoencoder, in decibels."""
    picture = to_tensor(pixels)
    with torch.no_grad():
        drawn = vae.decode(vae.encode(picture).latent_dist.mode()).sample.clamp(-1, 1)
    return float(-10 * torch.log10(F.mse_loss(drawn, picture) / 4))
