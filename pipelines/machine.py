"""What this machine has, measured: the device, its memory and what of it is free, and what its chip can do."""

from __future__ import annotations

import functools
from typing import Final

import psutil
import torch

from .attention import xformers_works
from .capacity import free_bytes
from .plans import Machine

CPU: Final = torch.device("cpu")


def measure_machine(device: torch.device, *, movable: int = 0, xformers: bool = False) -> Machine:
    """Measures a machine as it is now.

    Args:
        device: What pictures are made on.
        movable: Bytes on it that other models hold and would give up for this one.
        xformers: Whether to try xformers; False = it is not asked for, and not even imported.
    """
    return Machine(
        device=device.type,
        name=device_name(device),
        total_bytes=_total(device),
        free_bytes=free_bytes(device) + movable,
        ram_bytes=free_bytes(CPU),
        has_bf16=has_bfloat16(device),
        has_xformers=xformers and _xformers(device),
    )


def device_name(device: torch.device) -> str:
    """The device in a person's words."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type.upper()


def has_bfloat16(device: torch.device) -> bool:
    """Whether the chip itself computes in bfloat16, rather than by way of float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False
    found = torch.cpu.get_capabilities()
    return any(bool(found.get(name)) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def _total(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return int(psutil.virtual_memory().total)


@functools.cache
def _xformers(device: torch.device) -> bool:
    return xformers_works(device)
