"""What a VAE's precision costs in time, and what it changes in the picture."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Iterator
from typing import Any

import torch

from tests.benchmarks.accelerator import Accelerator


def decode_precisions(vae: Any, side: int, accelerator: Accelerator, times: int) -> dict[str, dict[str, float]]:
    """Decodes the same latents in float32, with TF32 where there is such a thing, in bfloat16 and in half.

    Args:
        vae: In float32, anywhere; it stays as it is.
        side: Of the picture in pixels.
        accelerator: Where.
        times: Goes to time.

    Returns:
        Milliseconds and, against float32, the signal-to-noise ratio in dB (infinite for equal bits).
    """
    latents = torch.randn(1, 4, side // 8, side // 8, generator=torch.Generator().manual_seed(0))
    kinds: dict[str, tuple[torch.dtype, bool]] = {"float32": (torch.float32, False)}
    if accelerator.device.startswith("cuda"):
        kinds |= {"tf32": (torch.float32, True), "float16": (torch.float16, False)}
    kinds["bfloat16"] = (torch.bfloat16, False)
    found: dict[str, dict[str, float]] = {}
    reference: torch.Tensor | None = None
    for name, (dtype, tf32) in kinds.items():
        decoder = copy.deepcopy(vae).to(accelerator.device, dtype)
        given = latents.to(accelerator.device, dtype)
        with torch.no_grad(), _tensor_float(on=tf32):
            seconds = accelerator.seconds(lambda decoder=decoder, given=given: decoder.decode(given), times)  # type: ignore[misc]
            picture = decoder.decode(given, return_dict=False)[0].float().cpu()
        reference = picture if reference is None else reference
        found[name] = {"milliseconds": round(seconds * 1000, 3), "psnr_db": _psnr(picture, reference)}
    return found


@contextlib.contextmanager
def _tensor_float(*, on: bool) -> Iterator[None]:
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = on
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def _psnr(picture: torch.Tensor, reference: torch.Tensor) -> float:
    """Against the reference's own range, as random weights give no picture between -1 and 1; not finite counts as 0."""
    error = float(((picture - reference) ** 2).mean())
    if error == 0:
        return math.inf
    reach = float(reference.max() - reference.min())
    return round(10 * math.log10(reach**2 / error), 2) if math.isfinite(error) else 0.0
