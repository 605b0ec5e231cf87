"""Tells owners of NVIDIA cards on Windows how to have them used: PyTorch's usual build there cannot."""

from __future__ import annotations

import importlib.metadata
import shutil
import sys

ADVICE = (
    "This machine has an NVIDIA card, but its PyTorch cannot use it; for far faster pictures start once "
    "with --torch-index URL, where URL is the address with /cu in it that PyTorch's start page shows for pip."
)


def cuda_advice(platform: str = sys.platform) -> str | None:
    """Looks for an NVIDIA card that the installed PyTorch cannot use.

    Args:
        platform: The system, by ``sys.platform``'s name.

    Returns:
        One sentence with the way out; None where nothing is amiss.
    """
    if platform != "win32" or not shutil.which("nvidia-smi"):
        return None
    return None if "+cu" in importlib.metadata.version("torch") else ADVICE
