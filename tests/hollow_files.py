"""Model files of real names, shapes and sizes without a single weight: a header, and a hole behind it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

Shapes = Mapping[str, tuple[int, ...]]

UNET = "model.diffusion_model."
CLIP = "text_model.embeddings.position_embedding.weight"
VAE = {
    "first_stage_model.decoder.conv_in.weight": (512, 4, 3, 3),
    "first_stage_model.encoder.conv_in.weight": (128, 3, 3, 3),
}

SD1: Shapes = {
    f"{UNET}input_blocks.0.0.weight": (320, 4, 3, 3),
    f"{UNET}input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight": (320, 768),
    f"{UNET}output_blocks.11.0.skip_connection.weight": (320, 640, 1, 1),
    f"cond_stage_model.transformer.{CLIP}": (77, 768),
    **VAE,
}
SD2: Shapes = {
    **{name: shape for name, shape in SD1.items() if name.startswith((UNET, "first"))},
    f"{UNET}input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight": (320, 1024),
    "cond_stage_model.model.positional_embedding": (77, 1024),
}
SDXL: Shapes = {
    f"{UNET}input_blocks.0.0.weight": (320, 4, 3, 3),
    f"{UNET}input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": (640, 2048),
    f"{UNET}label_emb.0.0.weight": (1280, 2816),
    f"conditioner.embedders.0.transformer.{CLIP}": (77, 768),
    "conditioner.embedders.1.model.positional_embedding": (77, 1280),
    **VAE,
}
REFINER: Shapes = {
    f"{UNET}input_blocks.0.0.weight": (384, 4, 3, 3),
    f"{UNET}input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": (768, 1280),
    f"{UNET}label_emb.0.0.weight": (1536, 2560),
    "conditioner.embedders.0.model.positional_embedding": (77, 1280),
    **VAE,
}
SD3: Shapes = {
    f"{UNET}joint_blocks.0.x_block.attn.qkv.weight": (4608, 1536),
    f"{UNET}joint_blocks.0.context_block.adaLN_modulation.1.bias": (9216,),
    f"{UNET}context_embedder.weight": (1536, 4096),
    f"text_encoders.clip_l.transformer.{CLIP}": (77, 768),
    "first_stage_model.decoder.conv_in.weight": (512, 16, 3, 3),
}
SD35_LARGE: Shapes = {**SD3, f"{UNET}joint_blocks.0.x_block.attn.ln_q.weight": (64,)}
SD35_MEDIUM: Shapes = {**SD35_LARGE, f"{UNET}joint_blocks.0.x_block.attn2.qkv.weight": (4608, 1536)}
FLUX_PARTS: Shapes = {
    "text_encoders.t5xxl.transformer.shared.weight": (32128, 4096),
    "vae.decoder.conv_in.weight": (512, 16, 3, 3),
}
SCHNELL: Shapes = {
    "double_blocks.0.img_attn.norm.key_norm.scale": (128,),
    "single_blocks.0.linear1.weight": (21504, 3072),
    "img_in.weight": (3072, 64),
}
DEV: Shapes = {**SCHNELL, "guidance_in.in_layer.weight": (3072, 256)}
QWEN: Shapes = {
    "transformer_blocks.0.img_mod.1.weight": (18432, 3072),
    "transformer_blocks.0.txt_mod.1.weight": (18432, 3072),
    "txt_norm.weight": (3584,),
    "img_in.weight": (3072, 64),
}
ZIMAGE: Shapes = {
    "cap_embedder.0.weight": (2560,),
    "layers.0.adaLN_modulation.0.weight": (15360, 256),
    "noise_refiner.0.adaLN_modulation.0.weight": (15360, 256),
}


def hollow(
    path: Path, shapes: Shapes, metadata: Mapping[str, str] | None = None, *, dtype: str = "F16", size: int = 2
) -> Path:
    """Writes a file whose weights are a hole, which takes no room on the disk.

    Args:
        path: Where; its folder is made.
        shapes: Tensors by name.
        metadata: Texts for the header.
        dtype: The format's name of the numbers.
        size: Bytes of one number.
    """
    entries: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name, shape in shapes.items():
        begin, end = end, end + math.prod(shape) * size
        entries[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(entries).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)
    return path


def prefixed(shapes: Shapes) -> Shapes:
    """The same as one part of a whole checkpoint."""
    return {UNET + name: shape for name, shape in shapes.items()}
