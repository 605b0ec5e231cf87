"""Writes a pipeline's weights as the single file its publisher would have made of them: the published key names.

The way back from diffusers' names, written from the published files' own names; that it is right is shown by loading
such a file with diffusers and comparing every tensor bit for bit (tests/test_single_files.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

Tensors = dict[str, torch.Tensor]

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
UNET_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}


def save_original(family: str, pipeline: Any, path: Path) -> Path:
    """Writes the file, and beside it what its parts look like, since these are not the real sizes.

    Args:
        family: As Reverie calls it.
        pipeline: With its weights.
        path: Of the file.
    """
    tensors = {name: tensor.contiguous().clone() for name, tensor in LAYOUTS[family](pipeline).items()}
    save_file(tensors, path, metadata={"format": "pt"})
    save_configs(pipeline, path.with_name(f"{path.stem}.components"))
    return path


def save_configs(pipeline: Any, folder: Path) -> None:
    """A folder in diffusers' layout without weights."""
    folder.mkdir(parents=True)
    pipeline.save_config(folder)
    index = json.loads((folder / "model_index.json").read_text())
    for name, part in pipeline.components.items():
        if part is None:
            continue
        if hasattr(part, "save_config"):
            part.save_config(folder / name)
        elif hasattr(part, "config"):
            part.config.save_pretrained(folder / name)
        else:
            part.save_pretrained(folder / name)
    (folder / "model_index.json").write_text(json.dumps(index))


def ldm_unet(unet: Any) -> Tensors:
    """Stable Diffusion's own names, as in CompVis' and Stability's code."""
    layers = unet.config.layers_per_block + 1
    return {f"model.diffusion_model.{_unet_name(name, layers, unet)}": w for name, w in unet.state_dict().items()}


def _unet_name(name: str, layers: int, unet: Any) -> str:
    for begin, original in UNET_ENDS.items():
        if name.startswith(f"{begin}."):
            return name.replace(begin, original, 1)
    if found := re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d)\.(.*)", name):
        return (
            f"middle_block.{0 if found[1] == 'resnets' and found[2] == '0' else 1 if found[1] == 'attentions' else 2}."
            + (_resnet(found[3]) if found[1] == "resnets" else found[3])
        )
    found = re.fullmatch(r"(down|up)_blocks\.(\d)\.(\w+)\.(\d)\.(.*)", name)
    assert found, name
    way, block, what, layer, rest = found[1], int(found[2]), found[3], int(found[4]), found[5]
    side, first = ("input", 1) if way == "down" else ("output", 0)
    if what == "resnets":
        return f"{side}_blocks.{first + block * layers + layer}.0.{_resnet(rest)}"
    if what == "attentions":
        return f"{side}_blocks.{first + block * layers + layer}.1.{rest}"
    if what == "downsamplers":
        return f"input_blocks.{(block + 1) * layers}.0.{rest.replace('conv', 'op', 1)}"
    place = 2 if hasattr(unet.up_blocks[block], "attentions") else 1
    return f"output_blocks.{(block + 1) * layers - 1}.{place}.{rest}"


def _resnet(rest: str) -> str:
    begin, end = rest.split(".")
    return f"{RESNET[begin]}.{end}"


def ldm_vae(vae: Any, prefix: str = "first_stage_model.") -> Tensors:
    """The names of the VAE that all these models share; its attention was made of 1 × 1 convolutions."""
    made, blocks = {}, len(vae.config.block_out_channels)
    for name, weight in vae.state_dict().items():
        spelt = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
        spelt = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", spelt)
        spelt = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", spelt)
        spelt = re.sub(r"up_blocks\.(\d)\.resnets", lambda m: f"up.{blocks - 1 - int(m[1])}.block", spelt)
        spelt = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{blocks - 1 - int(m[1])}.upsample", spelt)
        spelt = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", spelt)
        if ".mid_block.attentions.0." in spelt:
            spelt = spelt.replace("mid_block.attentions.0.group_norm", "mid.attn_1.norm")
            spelt = spelt.replace("mid_block.attentions.0.to_out.0", "mid.attn_1.proj_out")
            spelt = re.sub(r"mid_block\.attentions\.0\.to_([qkv])", r"mid.attn_1.\1", spelt)
        flat = ".mid_block.attentions.0." in name and weight.ndim == 2
        made[prefix + spelt] = weight[:, :, None, None] if flat else weight
    return made


def clip(encoder: Any, prefix: str) -> Tensors:
    """transformers' names as they were when these models were published."""
    flat = encoder.state_dict()
    named = {
        name if name.startswith(("text_model.", "text_projection.")) else f"text_model.{name}": flat[name]
        for name in flat
    }
    return {prefix + name: weight for name, weight in named.items()}


def open_clip(encoder: Any, prefix: str) -> Tensors:
    """OpenCLIP's names: queries, keys and values in one."""
    ends = {
        "embeddings.token_embedding.weight": "token_embedding.weight",
        "embeddings.position_embedding.weight": "positional_embedding",
        "final_layer_norm.weight": "ln_final.weight",
        "final_layer_norm.bias": "ln_final.bias",
    }
    state = {name.removeprefix("text_model."): weight for name, weight in encoder.state_dict().items()}
    made = {ends[name]: weight for name, weight in state.items() if name in ends}
    if "text_projection.weight" in state:
        made["text_projection"] = state["text_projection.weight"].T
    parts = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj"}
    for layer in range(encoder.config.num_hidden_layers):
        here, there = f"encoder.layers.{layer}.", f"transformer.resblocks.{layer}."
        for kind in ("weight", "bias"):
            joined = torch.cat([state[f"{here}self_attn.{one}_proj.{kind}"] for one in "qkv"])
            made |= {f"{there}attn.in_proj_{kind}": joined}
            made |= {f"{there}attn.out_proj.{kind}": state[f"{here}self_attn.out_proj.{kind}"]}
            made |= {f"{there}{new}.{kind}": state[f"{here}{old}.{kind}"] for old, new in parts.items()}
    return {prefix + name: weight for name, weight in made.items()}


def t5(encoder: Any) -> Tensors:
    """transformers' own names; the word embedding, which the encoder shares, once."""
    state = encoder.state_dict()
    return {
        f"text_encoders.t5xxl.transformer.{name}": w
        for name, w in state.items()
        if name != "encoder.embed_tokens.weight"
    }


def _swapped(weight: torch.Tensor) -> torch.Tensor:
    """Shift and scale changed places between the publishers' code and diffusers'."""
    return torch.cat(list(reversed(weight.chunk(2))))


def _both(name: str) -> Iterator[tuple[str, str]]:
    yield from ((f"{name}.weight", "weight"), (f"{name}.bias", "bias"))


def sd3_transformer(transformer: Any, prefix: str = "model.diffusion_model.") -> Tensors:
    """Stability's names for the transformer that sees words and picture as one."""
    state, made = dict(transformer.state_dict()), {}
    ends = {
        "pos_embed.proj": "x_embedder.proj",
        "time_text_embed.timestep_embedder.linear_1": "t_embedder.mlp.0",
        "time_text_embed.timestep_embedder.linear_2": "t_embedder.mlp.2",
        "time_text_embed.text_embedder.linear_1": "y_embedder.mlp.0",
        "time_text_embed.text_embedder.linear_2": "y_embedder.mlp.2",
        "context_embedder": "context_embedder",
        "proj_out": "final_layer.linear",
    }
    made["pos_embed"] = state["pos_embed.pos_embed"]
    for kind in ("weight", "bias"):
        made |= {f"{new}.{kind}": state[f"{old}.{kind}"] for old, new in ends.items()}
        made[f"final_layer.adaLN_modulation.1.{kind}"] = _swapped(state[f"norm_out.linear.{kind}"])
    last = transformer.config.num_layers - 1
    for block in range(last + 1):
        made |= _sd3_block(state, f"transformer_blocks.{block}.", f"joint_blocks.{block}.", is_last=block == last)
    return {prefix + name: weight for name, weight in made.items()}


def _sd3_block(state: Tensors, here: str, there: str, *, is_last: bool) -> Tensors:
    made: Tensors = {}
    plain = {
        "attn.to_out.0": "x_block.attn.proj",
        "attn.to_add_out": "context_block.attn.proj",
        "attn2.to_out.0": "x_block.attn2.proj",
        "attn.norm_q": "x_block.attn.ln_q",
        "attn.norm_k": "x_block.attn.ln_k",
        "attn.norm_added_q": "context_block.attn.ln_q",
        "attn.norm_added_k": "context_block.attn.ln_k",
        "attn2.norm_q": "x_block.attn2.ln_q",
        "attn2.norm_k": "x_block.attn2.ln_k",
        "norm1.linear": "x_block.adaLN_modulation.1",
        "norm1_context.linear": "context_block.adaLN_modulation.1",
        "ff.net.0.proj": "x_block.mlp.fc1",
        "ff.net.2": "x_block.mlp.fc2",
        "ff_context.net.0.proj": "context_block.mlp.fc1",
        "ff_context.net.2": "context_block.mlp.fc2",
    }
    joined = {
        "x_block.attn.qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
        "context_block.attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
        "x_block.attn2.qkv": ("attn2.to_q", "attn2.to_k", "attn2.to_v"),
    }
    for kind in ("weight", "bias"):
        for old, new in plain.items():
            if (weight := state.get(f"{here}{old}.{kind}")) is not None:
                made[f"{there}{new}.{kind}"] = _swapped(weight) if is_last and old == "norm1_context.linear" else weight
        for new, olds in joined.items():
            if f"{here}{olds[0]}.{kind}" in state:
                made[f"{there}{new}.{kind}"] = torch.cat([state[f"{here}{old}.{kind}"] for old in olds])
    return made


def flux_transformer(transformer: Any, prefix: str = "model.diffusion_model.") -> Tensors:
    """Black Forest Labs' names."""
    state, made = dict(transformer.state_dict()), {}
    ends = {
        "time_text_embed.timestep_embedder.linear_1": "time_in.in_layer",
        "time_text_embed.timestep_embedder.linear_2": "time_in.out_layer",
        "time_text_embed.text_embedder.linear_1": "vector_in.in_layer",
        "time_text_embed.text_embedder.linear_2": "vector_in.out_layer",
        "time_text_embed.guidance_embedder.linear_1": "guidance_in.in_layer",
        "time_text_embed.guidance_embedder.linear_2": "guidance_in.out_layer",
        "context_embedder": "txt_in",
        "x_embedder": "img_in",
        "proj_out": "final_layer.linear",
    }
    for kind in ("weight", "bias"):
        made |= {f"{new}.{kind}": state[f"{old}.{kind}"] for old, new in ends.items() if f"{old}.{kind}" in state}
        made[f"final_layer.adaLN_modulation.1.{kind}"] = _swapped(state[f"norm_out.linear.{kind}"])
    for block in range(transformer.config.num_layers):
        made |= _flux_double(state, f"transformer_blocks.{block}.", f"double_blocks.{block}.")
    for block in range(transformer.config.num_single_layers):
        made |= _flux_single(state, f"single_transformer_blocks.{block}.", f"single_blocks.{block}.")
    return {prefix + name: weight for name, weight in made.items()}


def _flux_double(state: Tensors, here: str, there: str) -> Tensors:
    made: Tensors = {}
    for side, ending, out, norm, mod in (
        ("img", "", "attn.to_out.0", "attn.norm_", "norm1"),
        ("txt", "_context", "attn.to_add_out", "attn.norm_added_", "norm1_context"),
    ):
        parts = ("attn.to_q", "attn.to_k", "attn.to_v")
        parts = parts if side == "img" else ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj")
        plain = {
            out: f"{side}_attn.proj",
            f"{mod}.linear": f"{side}_mod.lin",
            f"ff{ending}.net.0.proj": f"{side}_mlp.0",
            f"ff{ending}.net.2": f"{side}_mlp.2",
        }
        for kind in ("weight", "bias"):
            made |= {f"{there}{new}.{kind}": state[f"{here}{old}.{kind}"] for old, new in plain.items()}
            made[f"{there}{side}_attn.qkv.{kind}"] = torch.cat([state[f"{here}{part}.{kind}"] for part in parts])
        made[f"{there}{side}_attn.norm.query_norm.scale"] = state[f"{here}{norm}q.weight"]
        made[f"{there}{side}_attn.norm.key_norm.scale"] = state[f"{here}{norm}k.weight"]
    return made


def _flux_single(state: Tensors, here: str, there: str) -> Tensors:
    made: Tensors = {}
    for kind in ("weight", "bias"):
        parts = ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp")
        made[f"{there}linear1.{kind}"] = torch.cat([state[f"{here}{part}.{kind}"] for part in parts])
        made[f"{there}linear2.{kind}"] = state[f"{here}proj_out.{kind}"]
        made[f"{there}modulation.lin.{kind}"] = state[f"{here}norm.linear.{kind}"]
    made[f"{there}norm.query_norm.scale"] = state[f"{here}attn.norm_q.weight"]
    made[f"{there}norm.key_norm.scale"] = state[f"{here}attn.norm_k.weight"]
    return made


def _sd3(pipe: Any) -> Tensors:
    texts = clip(pipe.text_encoder, "text_encoders.clip_l.transformer.")
    texts |= clip(pipe.text_encoder_2, "text_encoders.clip_g.transformer.")
    texts |= t5(pipe.text_encoder_3) if pipe.text_encoder_3 else {}
    return sd3_transformer(pipe.transformer) | ldm_vae(pipe.vae) | texts


LAYOUTS: dict[str, Callable[[Any], Tensors]] = {
    "stable-diffusion": lambda pipe: (
        ldm_unet(pipe.unet) | ldm_vae(pipe.vae) | clip(pipe.text_encoder, "cond_stage_model.transformer.")
    ),
    "stable-diffusion-2": lambda pipe: (
        ldm_unet(pipe.unet) | ldm_vae(pipe.vae) | open_clip(pipe.text_encoder, "cond_stage_model.model.")
    ),
    "stable-diffusion-xl": lambda pipe: (
        ldm_unet(pipe.unet)
        | ldm_vae(pipe.vae)
        | clip(pipe.text_encoder, "conditioner.embedders.0.transformer.")
        | open_clip(pipe.text_encoder_2, "conditioner.embedders.1.model.")
    ),
    "stable-diffusion-xl-refiner": lambda pipe: (
        ldm_unet(pipe.unet) | ldm_vae(pipe.vae) | open_clip(pipe.text_encoder_2, "conditioner.embedders.0.model.")
    ),
    "stable-diffusion-3": _sd3,
    "flux": lambda pipe: (
        flux_transformer(pipe.transformer)
        | ldm_vae(pipe.vae, "vae.")
        | clip(pipe.text_encoder, "text_encoders.clip_l.transformer.")
        | t5(pipe.text_encoder_2)
    ),
}
"""By family."""
