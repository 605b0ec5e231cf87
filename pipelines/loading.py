"""From a checkpoint's folder to networks ready to run, on the device and in the precision that suit the machine."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import diffusers
import torch
from diffusers import AutoencoderTiny
from safetensors import SafetensorError

from .errors import ModelError
from .families import Family
from .models import ModelInfo
from .previews import LatentProjection
from .request import SIZE_STEP
from .tiny_decoder import load_tiny_decoder


@dataclass(frozen=True)
class LoadedModel:
    """A model's networks, shared by every request that asks for it.

    Attributes:
        info: Which model.
        pipelines: diffusers pipeline class by task.
        components: What those classes are constructed with, but for the scheduler: networks, tokenizers, switches.
        scheduler_config: The checkpoint's own scheduler configuration, as saved; never changed.
        device: Where its networks are at home.
        dtypes: The precision of each network, by component.
        projection: The linear preview, or None where none is known.
        tiny_decoder: The finer preview's network, or None where the model has none.
        size_step: What the sides of a picture must be multiples of.
        key: What tells this loaded model's cached results from any other's.
    """

    info: ModelInfo
    pipelines: Mapping[str, type[Any]]
    components: Mapping[str, Any] = field(repr=False)
    scheduler_config: Mapping[str, Any] = field(repr=False)
    device: torch.device
    dtypes: Mapping[str, torch.dtype]
    projection: LatentProjection | None = None
    tiny_decoder: AutoencoderTiny | None = field(default=None, repr=False)
    size_step: int = SIZE_STEP
    key: Hashable = field(default_factory=object, repr=False)

    def pipeline(self, task: str, **replaced: Any) -> Any:
        """Constructs a pipeline of one task over the shared networks; half a millisecond, nothing is copied."""
        make = self.pipelines[task]
        known = _parameters(cast("Any", make))
        arguments = {**self.components, **replaced}
        pipeline = make(**{name: value for name, value in arguments.items() if name in known})
        pipeline.set_progress_bar_config(disable=True)
        return pipeline


@functools.cache
def _parameters(make: Any) -> frozenset[str]:
    return frozenset(inspect.signature(make.__init__).parameters)


def choose_device(wanted: str = "auto") -> torch.device:
    """Picks CUDA, then Apple's MPS, then the CPU; or the one that is asked for.

    Raises:
        ModelError: The device asked for is not there.
    """
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(name for name, there in present.items() if there))
    if not present.get(wanted.split(":", maxsplit=1)[0], False):
        there = ", ".join(name for name, is_there in present.items() if is_there)
        raise ModelError(f"device is {wanted!r}, which torch cannot use here; choose auto, {there}.")
    return torch.device(wanted)


def dtype_for(device: torch.device, half: str = "float16") -> torch.dtype:
    """Half precision on CUDA, float32 elsewhere.

    Args:
        device: Where networks run.
        half: Which half precision suits them: ``float16``, or ``bfloat16`` where the chip has it.
    """
    if device.type != "cuda":
        return torch.float32
    brain = half == "bfloat16" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if brain else torch.float16


def load_model(info: ModelInfo, family: Family, device: torch.device) -> LoadedModel:
    """Loads a checkpoint in diffusers' layout: from disk alone, ``.safetensors`` only, no code of its own.

    In the precision of :func:`dtype_for`.

    Raises:
        ModelError: Files are missing or damaged; the sentence names the model.
    """
    pipelines = {task: getattr(diffusers, name) for task, name in family.pipelines.items()}
    dtype = dtype_for(device, family.half)
    switches = inspect.signature(pipelines["text_to_image"].__init__).parameters
    unchecked = {"safety_checker": None, "requires_safety_checker": False} if "safety_checker" in switches else {}
    try:
        saved = json.loads((info.folder / "scheduler" / "scheduler_config.json").read_text(encoding="utf-8"))
        index = json.loads((info.folder / "model_index.json").read_text(encoding="utf-8"))
        left_out = {name: None for name in switches if index.get(name) == [None, None]}  # Stable Diffusion 3 without T5
        loaded = pipelines["text_to_image"].from_pretrained(
            info.folder, dtype=dtype, local_files_only=True, use_safetensors=True, **(left_out | unchecked)
        )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelError(
            f"model {info.id!r} in {info.folder.name} cannot be loaded ({reason}); copy its files again."
        ) from error
    loaded.to(device)
    components = {name: part for name, part in loaded.components.items() if name != "scheduler"}
    networks = {name: part for name, part in components.items() if isinstance(part, torch.nn.Module)}
    for network in networks.values():
        network.eval().requires_grad_(False)
    dtypes: dict[str, torch.dtype] = {name: cast("Any", network).dtype for name, network in networks.items()}
    components |= {
        name: loaded.config[name] for name in switches if name not in loaded.components and name in loaded.config
    }
    projection = LatentProjection.from_data(info.preview) if info.preview else None
    tiny_decoder = load_tiny_decoder(info.folder, components["vae"].config.latent_channels, device, dtype)
    return LoadedModel(
        info, pipelines, components, _normal(saved), loaded.device, dtypes, projection, tiny_decoder, family.size_step
    )


def _normal(saved: Mapping[str, Any]) -> dict[str, Any]:
    """The two settings that diffusers' Stable Diffusion pipelines insist on, so that they need not warn each time."""
    return {**saved, "steps_offset": 1, "clip_sample": False}
