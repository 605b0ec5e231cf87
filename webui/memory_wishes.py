"""The memory flags as the manager takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.plans import Wishes

if TYPE_CHECKING:
    from .memory_flags import MemoryFlags


def wishes_of(flags: MemoryFlags) -> Wishes:
    """Says ``fp16`` as torch says ``float16``, and everything else as it was said."""
    precision = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}.get(flags.precision, flags.precision)
    return Wishes(
        precision=precision,
        offload=flags.offload,
        attention=flags.attention,
        vae_tiling=flags.vae_tiling,
        fp8=flags.fp8,
        compile=flags.compile,
        models_memory=flags.models_memory,
    )
