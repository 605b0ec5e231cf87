"""Fits the cheapest preview: a linear map from the sampler's latents to small RGB pictures."""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

from pipelines.starter.latents import encoded
from pipelines.starter.pictures import Pixels


@torch.no_grad()
def fit_preview(vae: AutoencoderKL, pixels: Pixels) -> dict[str, object]:
    """Fits RGB = latents · factors + bias by least squares.

    Args:
        vae: The autoencoder.
        pixels: Painted pictures to fit on.

    Returns:
        `factors` (4 × 3), `bias` (3), the `range` of what they give, and the fit's `r_squared`.
    """
    latents = encoded(vae, pixels)
    parts = [latents[start : start + 50] for start in range(0, len(latents), 50)]
    drawn = torch.cat([vae.decode(part).sample for part in parts])
    small = F.avg_pool2d((drawn.clamp(-1, 1) + 1) / 2, 8).permute(0, 2, 3, 1).reshape(-1, 3).double()
    scaled = (latents * vae.config.scaling_factor).permute(0, 2, 3, 1).reshape(-1, 4).double()
    given = torch.cat([scaled, torch.ones(len(scaled), 1, dtype=torch.float64)], dim=1)
    solution = torch.linalg.lstsq(given, small).solution
    rest = ((given @ solution - small) ** 2).sum() / ((small - small.mean(0)) ** 2).sum()
    return {
        "about": "RGB (0 to 1) = latents @ factors + bias, latents as the sampler holds them (scaled)",
        "factors": [[round(value, 5) for value in row] for row in solution[:4].tolist()],
        "bias": [round(value, 5) for value in solution[4].tolist()],
        "range": [0, 1],
        "r_squared": round(1 - float(rest), 5),
    }


def write_preview(vae: AutoencoderKL, pixels: Pixels, folder: Path) -> None:
    """Fits the preview and writes it beside the weights, as `preview.json`."""
    (folder / "preview.json").write_text(json.dumps(fit_preview(vae, pixels), indent=2) + "\n", encoding="utf-8")
