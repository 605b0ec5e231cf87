"""How much can be under way at once in the memory that is free: an estimate, on the safe side."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import psutil
import torch

BYTES_PER_PIXEL: Final = 1200
"""Memory of one guided picture under way for each of its pixels, in float32; half of it in half precision.

Measured as the peak of a Stable Diffusion 1.5-size U-Net at 256 × 256 on a CPU: 421 MiB above the weights for 8
samples, 213 for 2, so 557 bytes per pixel and sample; guidance takes two, the finished picture's copies the rest.
"""

KEPT_FREE: Final = 512 * 2**20
"""Bytes for decoding, and for whatever else the machine does."""

_CGROUP: Final = Path("/sys/fs/cgroup")


def bytes_needed(pixels: int, pictures: int, dtype: torch.dtype) -> int:
    """What some pictures of one request take while they are painted together."""
    return pixels * pictures * BYTES_PER_PIXEL * dtype.itemsize // torch.float32.itemsize


def free_bytes(device: torch.device, cgroup: Path = _CGROUP) -> int:
    """What can still be allocated on a device: a card's memory, or this machine's, or this container's share of it.

    Args:
        device: Where pictures are made.
        cgroup: Where Linux tells a container's limit (cgroup v2, ``memory.max``, and what is used of it
            but for the file cache).
    """
    if device.type == "cuda":
        free, whole = torch.cuda.mem_get_info(device)
        allocated = torch.cuda.memory_allocated(device)
        allowed = int(whole * torch.cuda.get_per_process_memory_fraction(device))  # this process may be capped
        return min(int(free) + torch.cuda.memory_reserved(device) - allocated, allowed - allocated)
    return min([int(psutil.virtual_memory().available), *_left_in_container(cgroup)])


def fits(needed: Iterable[int], free: int) -> bool:
    """Whether requests that need so much can be under way together.

    What those already under way have taken is counted twice, once by them and once as not free: the safe side.
    """
    return sum(needed) <= free - KEPT_FREE


def _left_in_container(cgroup: Path) -> list[int]:
    try:
        limit, used = ((cgroup / name).read_text(encoding="ascii").strip() for name in ("memory.max", "memory.current"))
        stat = dict(line.split() for line in (cgroup / "memory.stat").read_text(encoding="ascii").splitlines())
        return [] if limit == "max" else [int(limit) - int(used) + int(stat["inactive_file"])]
    except (OSError, ValueError, KeyError):
        return []
