"""Small real LoRAs, embeddings and VAE files with random weights, written as the trainers people use write them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file

RANK = 2
ALPHA = 4.0
TARGETS = {
    "unet": ["to_q", "to_k", "to_v", "to_out.0"],
    "transformer": ["to_q", "to_k", "to_v", "to_out.0"],
    "text_encoder": ["q_proj", "k_proj", "v_proj", "out_proj"],
    "text_encoder_2": ["q_proj", "k_proj", "v_proj", "out_proj"],
}
KOHYA = {"unet": "lora_unet", "text_encoder": "lora_te", "text_encoder_2": "lora_te2"}


def make_lora(pipeline: Any, seed: int = 0) -> dict[str, dict[str, torch.Tensor]]:
    """Random LoRA weights in peft's names, by component; strong enough to be seen. The pipeline is spoilt by it.

    Args:
        pipeline: Whose networks it is for.
        seed: Of the weights.
    """
    found: dict[str, dict[str, torch.Tensor]] = {}
    generator = torch.Generator().manual_seed(seed)
    for name, targets in TARGETS.items():
        network = getattr(pipeline, name, None)
        if network is None or "T5" in type(network).__name__:
            continue
        if name == "text_encoder_2" and "transformer" in found:
            continue  # only the widths, which are not the real ones here, would tell it from Stable Diffusion XL's
        network.add_adapter(LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=targets), adapter_name="default")
        state = get_peft_model_state_dict(network, adapter_name="default")
        found[name] = {key: torch.randn(value.shape, generator=generator) * 0.3 for key, value in state.items()}
    return found


def save_diffusers_lora(pipeline: Any, path: Path, seed: int = 0) -> Path:
    """Writes a LoRA as diffusers' ``save_lora_weights`` does; its alpha is its rank."""
    layers = make_lora(pipeline, seed)
    save_file({f"{part}.{key}": value for part, state in layers.items() for key, value in state.items()}, path)
    return path


def save_kohya_lora(pipeline: Any, path: Path, seed: int = 0, **metadata: str) -> Path:
    """Writes a LoRA of a U-Net and its text encoders as kohya-ss's trainer does."""
    layers = make_lora(pipeline, seed)
    double = "text_encoder_2" in layers
    state = dict(_kohya(layers, double=double))
    save_file(state, path, metadata={"ss_network_module": "networks.lora", **metadata})
    return path


def _kohya(layers: dict[str, dict[str, torch.Tensor]], *, double: bool) -> Iterator[tuple[str, torch.Tensor]]:
    for part, state in layers.items():
        start = "lora_te1" if double and part == "text_encoder" else KOHYA[part]
        for key, value in state.items():
            module, letter = key.removesuffix(".weight").rsplit(".lora_", 1)
            if part == "unet" and double:
                module = sgm(module)
            elif part != "unet" and not module.startswith("text_model"):
                module = f"text_model.{module}"
            name = f"{start}_{module.replace('.', '_')}"
            yield f"{name}.lora_{'down' if letter == 'A' else 'up'}.weight", value
            if letter == "A":
                yield f"{name}.alpha", torch.tensor(ALPHA)


def sgm(module: str) -> str:
    """A module of Stable Diffusion XL's U-Net by the name it has in the original checkpoints."""
    down = re.fullmatch(r"down_blocks\.(\d)\.attentions\.(\d)\.(.*)", module)
    up = re.fullmatch(r"up_blocks\.(\d)\.attentions\.(\d)\.(.*)", module)
    if down:
        return f"input_blocks.{3 * int(down[1]) + int(down[2]) + 1}.1.{down[3]}"
    if up:
        return f"output_blocks.{3 * int(up[1]) + int(up[2])}.1.{up[3]}"
    return module.replace("mid_block.attentions.0", "middle_block.1")


def save_embedding(path: Path, vectors: int = 3, *, width: int, second: int = 0, seed: int = 0, key: str = "") -> Path:
    """Writes a textual inversion: A1111's ``emb_params``, or ``clip_l`` and ``clip_g`` where there are two encoders.

    Args:
        path: The file; its name is the word.
        vectors: How many it stands for.
        width: Of the first encoder.
        second: Of the second encoder; 0 = there is none.
        seed: Of the vectors.
        key: Another name for the vectors, such as diffusers' own, the word.
    """
    generator = torch.Generator().manual_seed(seed)
    first = torch.randn(vectors, width, generator=generator)
    more = torch.randn(vectors, second, generator=generator) if second else None
    save_file({"clip_l": first, "clip_g": more} if more is not None else {key or "emb_params": first}, path)
    return path
