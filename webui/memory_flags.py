"""What can be said on the command line about memory and speed, to the studio and to ``generate`` alike."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MemoryFlags:
    """The flags of ``pipelines.plans.Wishes``, which whoever starts Reverie has in common with whoever generates."""

    precision: str = "auto"
    offload: str = "auto"
    attention: str = "auto"
    vae_tiling: str = "auto"
    fp8: bool = False
    compile: bool = False
    models_memory: float | None = None


def add_memory_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags; without any of them the program decides, model by model, and its Models tab says why."""
    parser.add_argument(
        "--precision",
        choices=("auto", "fp32", "fp16", "bf16"),
        default="auto",
        help="Precision of the networks; auto, the default, takes half precision on a card and fp32 elsewhere.",
    )
    parser.add_argument(
        "--offload",
        choices=("auto", "none", "model", "group"),
        default="auto",
        help="What waits in main memory: nothing, whole networks, or groups of layers; auto, the default, takes the "
        "quickest that fits the card.",
    )
    parser.add_argument(
        "--attention",
        choices=("auto", "sdpa", "xformers"),
        default="auto",
        help="What computes attention; auto, the default, takes PyTorch's own; xformers is tried on the card first.",
    )
    parser.add_argument(
        "--vae-tiling",
        choices=("auto", "on", "off"),
        default="auto",
        help="Decodes pictures tile by tile; auto, the default, does where memory does not suffice otherwise.",
    )
    parser.add_argument(
        "--fp8",
        action="store_true",
        help="Stores the denoiser's weights in eight bits: half the memory, and pictures change a little.",
    )
    parser.add_argument(
        "--compile",
        action="store_true",
        help="Compiles the denoiser's repeated blocks: the first picture of each size waits, later steps are quicker.",
    )
    parser.add_argument(
        "--models-memory",
        type=_gigabytes,
        metavar="GB",
        help="Main memory that loaded models may take; without it half of what is free at the start, and always "
        "enough for one model.",
    )


def _gigabytes(text: str) -> float:
    try:
        size = float(text)
    except ValueError:
        size = math.nan
    if not 0 <= size <= 4096:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; give gigabytes from 0 to 4096, such as 8")
    return size
