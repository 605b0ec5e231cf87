"""From an ESRGAN file to its network: the published layouts, told apart by the names and shapes in the header."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from pipelines.errors import ModelError
from pipelines.headers import Header, read_header

from .compact import CompactNet, CompactShape
from .rrdbnet import RrdbNet, RrdbShape

UpscalerNet = RrdbNet | CompactNet

WRAPPERS: Final = ("params_ema.", "params.", "module.", "netG.")
"""What trainers put before every name."""

MOST_BLOCKS: Final = 64
MOST_FEATURES: Final = 512
"""Far above anything published, so that a damaged header cannot ask for all memory there is."""

_OLD_BLOCK: Final = re.compile(r"model\.1\.sub\.(\d+)\.RDB([123])\.conv([1-5])\.0\.(weight|bias)")
_OLD_TRUNK: Final = re.compile(r"model\.1\.sub\.(\d+)\.(weight|bias)")
_OLD_LATER: Final = re.compile(r"model\.(\d+)\.(weight|bias)")
_NEW_BLOCK: Final = re.compile(r"RRDB_trunk\.(\d+)\.RDB([123])\.conv([1-5])\.(weight|bias)")
_NEW: Final = {
    "trunk_conv": "conv_body",
    "upconv1": "conv_up1",
    "upconv2": "conv_up2",
    "upconv3": "conv_up3",
    "HRconv": "conv_hr",
}

WAY_OUT: Final = "take an ESRGAN or Real-ESRGAN file"


def load_upscaler(path: Path, dtype: torch.dtype, device: torch.device) -> UpscalerNet:
    """Loads an upscaler's network, ready to run.

    Args:
        path: A ``.safetensors`` file.
        dtype: What its weights are turned into.
        device: Where it is to run.

    Raises:
        ModelError: The file is damaged, or of another kind; the sentence names it.
    """
    header = read_header(path)
    names = plain_names(header, path)
    shapes = {name: header.tensors[original].shape for name, original in names.items()}
    network = _make(shapes, path)
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    if wanted != shapes:
        odd = sorted(name for name in wanted.keys() | shapes.keys() if wanted.get(name) != shapes.get(name))
        raise foreign(path, f"{len(odd)} of its weights do not fit, first {odd[0][:80]}")
    try:
        weights = load_file(path)
        tensors = {name: weights[original].to(dtype) for name, original in names.items()}
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise ModelError(f"Upscaler {path.name!r} cannot be read ({error}); copy or download it again.") from error
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise ModelError(f"Upscaler {path.name!r} has weights that are not numbers; copy or download it again.")
    network.load_state_dict(tensors, assign=True)
    return network.requires_grad_(requires_grad=False).eval().to(device)


def plain_names(header: Header, path: Path) -> dict[str, str]:
    """Gives Real-ESRGAN's name of each weight, and the file's own.

    Raises:
        ModelError: A name fits none of the layouts.
    """
    wrapper = next((begin for begin in WRAPPERS if all(name.startswith(begin) for name in header.tensors)), "")
    found = {name.removeprefix(wrapper): name for name in header.tensors}
    layout: Callable[[str], str | None]
    if any(name.startswith("model.1.sub.") for name in found):
        layout = _old_layout(found, path)
    elif any(name.startswith("RRDB_trunk.") for name in found):
        layout = _new_name
    else:
        layout = str
    names: dict[str, str] = {}
    for inner, original in found.items():
        name = layout(inner)
        if name is None or name in names:
            raise foreign(path, f"its weight {inner[:80]!r} is of another kind of network")
        names[name] = original
    return names


def foreign(path: Path, why: str) -> ModelError:
    """Words that a file is no upscaler that can be run here."""
    return ModelError(f"{path.name} is not an upscaler that Reverie can run ({why}); {WAY_OUT}.")


def _old_layout(found: Mapping[str, str], path: Path) -> Callable[[str], str | None]:
    """The first published layout numbers its layers, and counts those without weights, too.

    Of those after the trunk the last two make the picture, and all before them belong to an enlargement each.
    """
    later = sorted({int(match[1]) for name in found if (match := _OLD_LATER.fullmatch(name)) and int(match[1]) > 1})
    if len(later) < 2 or len(later) > 6:
        raise foreign(path, "its last layers are missing")
    names = {0: "conv_first", later[-1]: "conv_last", later[-2]: "conv_hr"}
    names |= {number: f"conv_up{place}" for place, number in enumerate(later[:-2], 1)}

    def name_of(name: str) -> str | None:
        if block := _OLD_BLOCK.fullmatch(name):
            return f"body.{block[1]}.rdb{block[2]}.conv{block[3]}.{block[4]}"
        if trunk := _OLD_TRUNK.fullmatch(name):
            return f"conv_body.{trunk[2]}"
        layer = _OLD_LATER.fullmatch(name)
        return f"{names[int(layer[1])]}.{layer[2]}" if layer and int(layer[1]) in names else None

    return name_of


def _new_name(name: str) -> str | None:
    if block := _NEW_BLOCK.fullmatch(name):
        return f"body.{block[1]}.rdb{block[2]}.conv{block[3]}.{block[4]}"
    layer, _, ending = name.rpartition(".")
    return f"{_NEW.get(layer, layer)}.{ending}"


def _make(shapes: Mapping[str, tuple[int, ...]], path: Path) -> UpscalerNet:
    """A network of the file's size, without memory for its weights."""
    with torch.device("meta"):
        if "conv_first.weight" in shapes:
            return RrdbNet(_rrdb_shape(shapes, path))
        if "body.0.weight" in shapes:
            return CompactNet(_compact_shape(shapes, path))
    raise foreign(path, "it has none of ESRGAN's layers")


def _rrdb_shape(shapes: Mapping[str, tuple[int, ...]], path: Path) -> RrdbShape:
    first, last = _convolution(shapes, "conv_first", path), _convolution(shapes, "conv_last", path)
    growth = _convolution(shapes, "body.0.rdb1.conv1", path)[0]
    blocks = len({name.split(".")[1] for name in shapes if name.startswith("body.")})
    doublings = sum(f"conv_up{number}.weight" in shapes for number in range(1, 5))
    unshuffle = math.isqrt(first[1] // 3) if first[1] % 3 == 0 else 0
    if last[0] != 3 or unshuffle not in (1, 2, 4) or unshuffle**2 * 3 != first[1]:
        raise foreign(path, f"it is for pictures of {first[1]} and {last[0]} channels, not for RGB")
    if blocks > MOST_BLOCKS or max(first[0], growth) > MOST_FEATURES or 2**doublings < unshuffle:
        raise foreign(path, "its size is none that was ever published")
    return RrdbShape(blocks, first[0], growth, doublings, unshuffle)


def _compact_shape(shapes: Mapping[str, tuple[int, ...]], path: Path) -> CompactShape:
    first = _convolution(shapes, "body.0", path)
    numbers = [int(name.split(".")[1]) for name in shapes if re.fullmatch(r"body\.\d{1,4}\.weight", name)]
    last = _convolution(shapes, f"body.{max(numbers)}", path)
    scale = math.isqrt(last[0] // 3)
    layers = (max(numbers) - 2) // 2
    if first[1] != 3 or scale**2 * 3 != last[0] or not 1 <= scale <= 8:
        raise foreign(path, f"it is for pictures of {first[1]} channels, not for RGB")
    if not 0 <= layers <= MOST_BLOCKS or first[0] > MOST_FEATURES:
        raise foreign(path, "its size is none that was ever published")
    return CompactShape(layers, first[0], scale)


def _convolution(shapes: Mapping[str, tuple[int, ...]], name: str, path: Path) -> tuple[int, int]:
    """Channels out of and into a 3 × 3 convolution."""
    shape = shapes.get(f"{name}.weight", ())
    if len(shape) != 4 or shape[2:] != (3, 3) or 0 in shape:
        raise foreign(path, f"its layer {name} is missing or of another kind")
    return shape[0], shape[1]
