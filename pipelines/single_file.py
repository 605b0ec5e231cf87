"""The networks of a single ``.safetensors`` file in the layout its publisher wrote, without asking a Hub."""

from __future__ import annotations

from typing import Any, Final

import torch
from diffusers.loaders.single_file_utils import (
    convert_flux_transformer_checkpoint_to_diffusers,
    create_diffusers_clip_model_from_ldm,
    create_diffusers_t5_model_from_checkpoint,
)
from safetensors.torch import load_file

from .component_configs import ComponentConfigs, configs_for, corrections
from .errors import ModelError
from .families import Family
from .models import ModelInfo
from .parts import Part, parts_of, read_json
from .tokenizers import tokenizer_for

VAE_KEYS: Final = ("first_stage_model.", "vae.")
TEXT_KEYS: Final = ("cond_stage_model.", "conditioner.", "text_encoders.")
T5: Final = "text_encoders.t5xxl.transformer."
T5_KEY: Final = f"{T5}shared.weight"
T5_PARTS: Final = ("text_encoder_3", "tokenizer_3")
"""What Stable Diffusion 3 does without where the file has no T5."""

FLUX_WIDTH: Final = 3072
"""Channels of Flux.1, which diffusers' conversion takes for granted."""

OLD_CLIP: Final = "cond_stage_model.transformer."


class SingleFile:
    """A file opened for loading: its tensors are mapped into memory and read when a part is made of them.

    Args:
        info: The model; ``file`` is set.
        family: Its family.

    Attributes:
        configs: What its parts look like.

    Raises:
        ModelError: How the family is put together from one file is not known.
        OSError: The file cannot be opened.
        SafetensorError: It is damaged.
    """

    def __init__(self, info: ModelInfo, family: Family) -> None:
        assert info.file is not None
        self.configs: ComponentConfigs = configs_for(info, family)
        self._info = info
        self._tensors = {_spelt(name): tensor for name, tensor in load_file(info.file).items()}

    @property
    def index(self) -> dict[str, Any]:
        """What ``model_index.json`` would hold for this file; without T5 where the file has none."""
        index = self.configs.index
        if T5_KEY not in self._tensors:
            index |= {name: [None, None] for name in T5_PARTS if name in index}
        return index

    @property
    def scheduler(self) -> dict[str, Any]:
        """The scheduler's configuration."""
        return self.configs.scheduler

    def parts(self, known: frozenset[str]) -> dict[Part, int]:
        """Its parts, each with the bytes of its weights."""
        found = parts_of(self.index, known)
        return {
            part: sum(tensor.nbytes for tensor in self._of(part).values()) if part.is_network else 0 for part in found
        }

    def load(self, part: Part, dtype: torch.dtype) -> Any:
        """Makes one part.

        Args:
            part: Which.
            dtype: What its weights are turned into.

        Raises:
            ModelError: The file has no weights for it, or not all.
        """
        if part.is_tokenizer:
            return tokenizer_for(part, self.configs, self._info)
        tensors, folder = self._of(part), self.configs.folder(part.name)
        if not tensors:
            raise ModelError(f"the file has no weights for {part.label}")
        arguments = {"subfolder": part.name, "config": str(folder), "torch_dtype": dtype, "local_files_only": True}
        if part.kind.__name__.startswith("CLIPTextModel"):
            return _whole(part, create_diffusers_clip_model_from_ldm(part.kind, checkpoint=tensors, **arguments))
        if part.kind.__name__ == "T5EncoderModel":
            made = create_diffusers_t5_model_from_checkpoint(part.kind, checkpoint=tensors, **arguments)
            made.encoder.embed_tokens.weight = made.shared.weight  # the same words, which some files hold once
            _restore_digits(made, tensors, dtype)
            return _whole(part, made)
        return _whole(part, self._denoiser_or_vae(part, tensors, arguments))

    def _denoiser_or_vae(self, part: Part, tensors: dict[str, torch.Tensor], arguments: dict[str, Any]) -> Any:
        config = read_json(self.configs.folder(part.name) / part.name / "config.json")
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        if part.kind.__name__ == "FluxTransformer2DModel":
            tensors = flux_of_any_width(tensors)
        try:
            return part.kind.from_single_file(tensors, **arguments, **corrections(part.name, config, shapes))
        except NotImplementedError as error:  # some are still on the meta device, and cannot be copied from there
            raise ModelError(f"the file lacks some of the weights of {part.label}") from error

    def _of(self, part: Part) -> dict[str, torch.Tensor]:
        """The tensors that a part is made of, under their published names; a copy, since conversions empty it."""
        if part.name == "vae":
            return {name: tensor for name, tensor in self._tensors.items() if name.startswith(VAE_KEYS)}
        text = {name: tensor for name, tensor in self._tensors.items() if name.startswith(TEXT_KEYS)}
        if part.name.startswith("text_encoder"):
            return text
        return {
            name: tensor for name, tensor in self._tensors.items() if name not in text and not name.startswith(VAE_KEYS)
        }


def _spelt(name: str) -> str:
    """Some merges leave CLIP's ``text_model.`` out of its names."""
    if name.startswith(OLD_CLIP) and not name.startswith(f"{OLD_CLIP}text_model."):
        return f"{OLD_CLIP}text_model.{name.removeprefix(OLD_CLIP)}"
    return name


def _whole(part: Part, network: Any) -> Any:
    """Gives a network all of whose weights were in the file.

    Raises:
        ModelError: Some were not.
    """
    lacking = [name for name, weight in network.named_parameters() if weight.is_meta]
    if lacking:
        raise ModelError(f"the file lacks {len(lacking)} of the weights of {part.label}, first {lacking[0]!r}")
    return network


def _restore_digits(network: Any, tensors: dict[str, torch.Tensor], dtype: torch.dtype) -> None:
    """Reads the weights anew that T5 keeps in float32: diffusers turns them into half precision and back."""
    for name, weight in network.named_parameters():
        if weight.dtype != dtype and (saved := tensors.get(T5 + name)) is not None:
            weight.data = saved.to(weight.dtype)


def flux_of_any_width(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Turns a Flux transformer's tensors into diffusers' names where it has not Flux.1's width; else diffusers will."""
    named = {name.removeprefix("model.diffusion_model."): tensor for name, tensor in tensors.items()}
    width = named["img_in.weight"].shape[0] if "img_in.weight" in named else FLUX_WIDTH
    return tensors if width == FLUX_WIDTH else convert_flux(named, width)


def convert_flux(named: dict[str, torch.Tensor], width: int) -> dict[str, torch.Tensor]:
    """Turns a Flux transformer's tensors into diffusers' names, cut by its own width.

    diffusers cuts each single block's first layer at fixed places. Here these layers are given to it empty, and cut
    by the width that the file has: queries, keys and values of that width, then the rest.

    Args:
        named: Under their published names.
        width: Its channels.
    """
    joined = {name: tensor for name, tensor in named.items() if ".linear1." in name}
    stand_ins = {name: torch.empty(7 * FLUX_WIDTH, *tensor.shape[1:], device="meta") for name, tensor in joined.items()}
    converted: dict[str, torch.Tensor] = convert_flux_transformer_checkpoint_to_diffusers(named | stand_ins)
    for name, tensor in joined.items():
        _, number, _, ending = name.split(".")
        pieces = torch.tensor_split(tensor, (width, 2 * width, 3 * width))
        for target, piece in zip(("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"), pieces, strict=True):
            converted[f"single_transformer_blocks.{number}.{target}.{ending}"] = piece.clone()
    return converted
