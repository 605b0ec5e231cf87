"""From a checkpoint to networks ready to run, on the device and in the precision that suit the machine."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

import diffusers
import torch
from diffusers import AutoencoderTiny
from diffusers.loaders.single_file_utils import SingleFileComponentError
from safetensors import SafetensorError

from .adapters import Wardrobe
from .card import Card
from .diffusers_folder import DiffusersFolder
from .errors import Cancelled, ModelError, ReverieError
from .families import Family
from .memory import is_out_of_memory
from .models import ModelInfo
from .parts import Part, settings_known, switches_of
from .plans import Plan, apply
from .previews import LatentProjection
from .request import SIZE_STEP
from .single_file import SingleFile
from .tiny_decoder import load_tiny_decoder

Progress = Callable[[float, str], None]
"""Told how much is done, 0 … 1, and what comes next."""


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
        guidance: What the pipelines call a request's ``guidance_scale``: see :class:`~pipelines.families.Family`.
        plan: How it is run here, and why; None where nobody planned.
        key: What tells this loaded model's cached results from any other's.
        adapters: The LoRAs that are loaded with it.
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
    guidance: str = "guidance_scale"
    plan: Plan | None = None
    key: Hashable = field(default_factory=object, repr=False)
    adapters: Wardrobe = field(default_factory=Wardrobe, repr=False)

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


def load_model(
    info: ModelInfo,
    family: Family,
    device: torch.device,
    *,
    plan: Plan | None = None,
    progress: Progress | None = None,
    stopped: Callable[[], bool] | None = None,
    card: Card | None = None,
) -> LoadedModel:
    """Loads a checkpoint, a folder or a file: from disk alone, ``.safetensors`` only, no code of its own.

    Args:
        info: Which.
        family: Its family.
        device: What it will run on.
        plan: In which precision, and what lies where; None = that of :func:`dtype_for`, all on the device.
        progress: Told how much is done, 0 … 1, and what comes next.
        stopped: Asked before each part whether to give up.
        card: Who keeps count of the device's memory; None = nobody.

    Raises:
        Cancelled: ``stopped`` said so.
        ModelError: Files are missing or damaged, or weights are not numbers; the sentence names the model.
    """
    pipelines = {task: getattr(diffusers, name) for task, name in family.pipelines.items()}
    known = settings_known(pipelines.values())
    try:
        source = SingleFile(info, family) if info.file else DiffusersFolder(info.folder)
        index, saved, parts = source.index, source.scheduler, source.parts(known)
        components = switches_of(index, known)
        for part, done in _in_turn(parts, stopped, info):
            if progress is not None:
                progress(done, f"Loading {part.label} of {info.name}…")
            dtype = dtype_for(device, family.half) if plan is None else getattr(torch, plan.dtype_of(part.name))
            components[part.name] = made = source.load(part, dtype)
            if isinstance(made, torch.nn.Module):
                made.eval()  # and no more: weights that need no gradient take other kernels, and give other bits
                _check_numbers(part, made)
        networks = {name: part for name, part in components.items() if isinstance(part, torch.nn.Module)}
        dtypes: dict[str, torch.dtype] = {name: cast("Any", network).dtype for name, network in networks.items()}
        _place(networks, device, plan, card)
    except ReverieError as error:
        if isinstance(error, ModelError) and info.id not in str(error):
            raise _unloadable(info, error) from error
        raise
    except BROKEN as error:
        if is_out_of_memory(error):
            raise
        raise _unloadable(info, error) from error
    if progress is not None:
        progress(1.0, f"{info.name} is loaded")
    vae = networks["vae"]
    projection = LatentProjection.from_data(info.preview) if info.preview else None
    channels = getattr(vae.config, "latent_channels", None) or cast("Any", vae.config).z_dim
    tiny_decoder = None if info.file else load_tiny_decoder(info.folder, channels, device, dtypes["vae"])
    return LoadedModel(
        info=info,
        pipelines=pipelines,
        components=components,
        scheduler_config=_normal(saved),
        device=device,
        dtypes=dtypes,
        projection=projection,
        tiny_decoder=tiny_decoder,
        size_step=family.size_step,
        guidance=family.guidance,
        plan=plan,
    )


BROKEN: Final = (
    *(OSError, ValueError, RuntimeError, KeyError, IndexError, TypeError, AttributeError, AssertionError),
    *(NotImplementedError, SafetensorError, SingleFileComponentError),
)
"""What the libraries raise at files that are damaged or not what they say they are."""


def _in_turn(
    parts: Mapping[Part, int], stopped: Callable[[], bool] | None, info: ModelInfo
) -> Iterator[tuple[Part, float]]:
    """Each part, with the share of all bytes that is loaded by then."""
    whole, done = max(sum(parts.values()), 1), 0
    for part, size in parts.items():
        if stopped is not None and stopped():
            raise Cancelled(f"Loading {info.name} was stopped.")
        yield part, done / whole
        done += size


def _check_numbers(part: Part, network: torch.nn.Module) -> None:
    """Refuses weights that are not numbers: every picture would be black, and nobody would know why.

    The smallest and the largest weight are not-a-number where any is, and infinite where one is. To look for them
    takes 0.08 s (float32, float16) to 0.13 s (bfloat16) of one slow core for a gigabyte in memory; a sum took 0.07 s
    in float32, but 1.6 and 1.9 s in the halves. What is not in memory yet is read from the disk by it.

    Raises:
        ModelError: There are some; the sentence names the first tensor.
    """
    for name, weight in network.named_parameters():
        if not weight.is_floating_point() or not weight.numel():
            continue
        if not all(math.isfinite(float(extreme)) for extreme in weight.detach().aminmax()):
            raise ModelError(f"{part.label} has weights that are not numbers, first in {name}")


def _place(networks: Mapping[str, Any], device: torch.device, plan: Plan | None, card: Card | None) -> None:
    if plan is not None:
        apply(plan, networks, device, card)
        return
    for network in networks.values():
        network.to(device)


def _unloadable(info: ModelInfo, error: BaseException) -> ModelError:
    reason = str(error).strip().split("\n")[0].rstrip(".;:") or type(error).__name__
    name = info.file.name if info.file else info.folder.name
    return ModelError(f"model {info.id!r} in {name} cannot be loaded ({reason[:300]}); copy its files again.")


def _normal(saved: Mapping[str, Any]) -> dict[str, Any]:
    """The two settings that diffusers' Stable Diffusion pipelines insist on, so that they need not warn each time."""
    return {**saved, "steps_offset": 1, "clip_sample": False}
