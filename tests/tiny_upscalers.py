"""Upscaler files with random weights, in each of the published layouts."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from safetensors.torch import save_file

from pipelines.upscaling.compact import CompactNet, CompactShape
from pipelines.upscaling.rrdbnet import RrdbNet, RrdbShape

SMALL = RrdbShape(blocks=2, features=8, growth=4)


def random_network(shape: RrdbShape = SMALL, seed: int = 0) -> RrdbNet:
    """A network that keeps a picture's colours roughly and adds a texture of its own."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return RrdbNet(shape).eval()


def random_compact(shape: CompactShape, seed: int = 0) -> CompactNet:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return CompactNet(shape).eval()


def save_real_esrgan(network: RrdbNet | CompactNet, path: Path, wrapper: str = "") -> Path:
    """``conv_first``, ``body.0.rdb1.conv1`` …, as Real-ESRGAN's trainer saves them."""
    return _save({wrapper + name: tensor for name, tensor in network.state_dict().items()}, path)


def save_esrgan(network: RrdbNet, path: Path) -> Path:
    """``model.0``, ``model.1.sub.0.RDB1.conv1.0`` …: layers by number, those without weights counted."""
    doublings, blocks = network.shape.doublings, network.shape.blocks
    layers = {"conv_first": "model.0", "conv_body": f"model.1.sub.{blocks}"}
    layers |= {f"conv_up{number}": f"model.{3 * number}" for number in range(1, doublings + 1)}
    layers |= {"conv_hr": f"model.{3 * doublings + 2}", "conv_last": f"model.{3 * doublings + 4}"}
    return _save(
        {
            re.sub(r"^body\.(\d+)\.rdb(\d)\.(conv\d)$", r"model.1.sub.\1.RDB\2.\3.0", layer)
            if layer.startswith("body")
            else layers[layer]: tensor
            for layer, tensor in _layers(network)
        },
        path,
    )


def save_new_esrgan(network: RrdbNet, path: Path) -> Path:
    """``RRDB_trunk.0.RDB1.conv1``, ``trunk_conv``, ``HRconv`` …: ESRGAN's second layout."""
    layers = {"conv_body": "trunk_conv", "conv_hr": "HRconv", "conv_up1": "upconv1", "conv_up2": "upconv2"}
    return _save(
        {
            re.sub(r"^body\.(\d+)\.rdb(\d)\.", r"RRDB_trunk.\1.RDB\2.", layers.get(layer, layer)): tensor
            for layer, tensor in _layers(network)
        },
        path,
    )


def _layers(network: RrdbNet) -> list[tuple[str, dict[str, torch.Tensor]]]:
    found: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in network.state_dict().items():
        layer, _, ending = name.rpartition(".")
        found.setdefault(layer, {})[ending] = tensor
    return list(found.items())


def _save(tensors: dict[str, torch.Tensor] | dict[str, dict[str, torch.Tensor]], path: Path) -> Path:
    flat = {
        (f"{name}.{ending}" if ending else name): tensor.contiguous().clone()
        for name, value in tensors.items()
        for ending, tensor in (value if isinstance(value, dict) else {"": value}).items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(flat, path)
    return path
