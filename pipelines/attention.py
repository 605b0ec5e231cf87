"""Whether xformers works here, found out by an operation on the device: that it can be imported says nothing."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import torch


def xformers_works(device: torch.device) -> bool:
    """Tries xformers' attention on a device.

    Its package installs beside any torch, and then has no kernel for it, or none for this card.

    Args:
        device: Where networks run; xformers is for CUDA only.

    Returns:
        Whether a small attention came out as PyTorch's own, to a hundredth.
    """
    if device.type != "cuda":
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of kernels that do not load, which is what is tried here
            operations: Any = importlib.import_module("xformers.ops")
        query, key, value = (torch.randn(1, 64, 2, 64, device=device, dtype=torch.float16) for _ in range(3))
        found = operations.memory_efficient_attention(query, key, value)
        torch.cuda.synchronize(device)
    except Exception:  # noqa: BLE001 - whatever a foreign binary raises, the answer is no
        return False
    usual = torch.nn.functional.scaled_dot_product_attention(
        query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)
    ).transpose(1, 2)
    return bool(torch.allclose(found, usual, atol=1e-2))
