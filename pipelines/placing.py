"""A plan carried out on loaded networks: where they lie, how they are stored, what computes attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import torch
from diffusers.hooks import apply_group_offloading

from .card import MAIN, Card
from .plans import Plan

DENOISERS: Final = ("unet", "transformer")


def place(plan: Plan, components: Mapping[str, Any], device: torch.device, card: Card | None) -> None:
    """See :func:`pipelines.plans.apply`."""
    networks = {name: part for name, part in components.items() if isinstance(part, torch.nn.Module)}
    denoisers = [network for name, network in networks.items() if name in DENOISERS]
    for network in denoisers:
        _prepare(network, plan)
    if plan.vae == "tiled" and hasattr(networks.get("vae"), "enable_tiling"):
        networks["vae"].enable_tiling()  # type: ignore[operator]
        networks["vae"].enable_slicing()  # type: ignore[operator]
    if plan.offload == "group":
        layered = [network for name, network in networks.items() if name != "vae"]
        for network in layered:
            apply_group_offloading(network, onload_device=device, offload_device=MAIN, offload_type="leaf_level")
        rest = [network for name, network in networks.items() if name == "vae"]
    else:
        rest = list(networks.values())
    if card is not None:
        card.admit(rest, together=plan.offload == "none", work_bytes=plan.work_bytes)
        return
    for network in rest:
        network.to(device)


def _prepare(network: Any, plan: Plan) -> None:
    """What concerns the denoiser alone."""
    if plan.storage == "float8":
        compute = getattr(torch, plan.precision)
        network.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=compute)
        for layer in network.modules():
            if getattr(getattr(layer, "weight", None), "dtype", None) == torch.float8_e4m3fn:
                layer.compute_dtype = compute  # else peft would round a LoRA's weights to eight bits, too
    if plan.attention == "xformers":
        network.enable_xformers_memory_efficient_attention()
    if plan.compiled:
        network.compile_repeated_blocks(fullgraph=True)
