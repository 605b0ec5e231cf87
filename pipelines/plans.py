"""How a model is run on a machine, and why: precision, what lies where, attention; decided before it is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from .families import Family
from .footprints import Footprint, footprint_of
from .models import ModelInfo

if TYPE_CHECKING:
    import torch

GIB: Final = 2**30

KEPT_FREE: Final = GIB // 2
"""Bytes of a card that are left alone: CUDA's own context, the desktop, and what the estimate does not know of."""


Offload = Literal["none", "model", "group"]


@dataclass(frozen=True, slots=True)
class Machine:
    """What pictures are made on.

    Attributes:
        device: ``cpu``, ``cuda`` or ``mps``.
        name: For people.
        total_bytes: Memory that the device has.
        free_bytes: What of it is free for this model, before it is loaded.
        ram_bytes: What is free of main memory.
        has_bf16: Whether the chip itself computes in bfloat16.
        has_xformers: Whether xformers was found to work here, by an operation on the device.
    """

    device: str
    name: str
    total_bytes: int
    free_bytes: int
    ram_bytes: int
    has_bf16: bool = False
    has_xformers: bool = False


@dataclass(frozen=True, slots=True)
class Wishes:
    """What whoever runs the studio wants otherwise than the program would choose.

    Attributes:
        precision: ``auto``, ``float32``, ``float16`` or ``bfloat16``.
        offload: ``auto``, ``none``, ``model`` or ``group``.
        attention: ``auto``, ``sdpa`` or ``xformers``.
        vae_tiling: ``auto``, ``on`` or ``off``.
        fp8: Whether the denoiser's weights are stored in eight bits.
        compile: Whether the denoiser's repeated blocks are compiled.
        models_memory: GiB of main memory that kept models may take; None = half of what is there.
    """

    precision: str = "auto"
    offload: str = "auto"
    attention: str = "auto"
    vae_tiling: str = "auto"
    fp8: bool = False
    compile: bool = False
    models_memory: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What was chosen for one model on one machine.

    Attributes:
        dtypes: The precision of a part by its component's name; ``""`` = of every other one.
        offload: ``none`` = all on the device; ``model`` = the network at work is on the card, the others wait in main
            memory; ``group`` = the denoiser and the text encoders come layer by layer.
        storage: ``float8`` = the denoiser's weights are kept in eight bits and computed with in ``dtypes``.
        vae: ``plain``, or ``tiled`` = it works tile by tile, and picture by picture.
        attention: ``sdpa`` or ``xformers``.
        compiled: Whether the denoiser's repeated blocks are compiled.
        reasons: Why, and what it costs: a sentence each.
        peak_bytes: Most memory of the device that one picture of the model's native size takes, computed.
        fits: Whether that is free, and main memory holds what waits there.
        weight_bytes: What the weights take, wherever they lie, computed.
        work_bytes: What work takes besides the weights, with what is left alone of the device, computed.
    """

    dtypes: Mapping[str, str] = field(default_factory=lambda: {"": "float32"})
    offload: Offload = "none"
    storage: Literal["same", "float8"] = "same"
    vae: Literal["plain", "sliced", "tiled"] = "plain"
    attention: Literal["sdpa", "xformers"] = "sdpa"
    compiled: bool = False
    reasons: tuple[str, ...] = ()
    peak_bytes: int = 0
    fits: bool = True
    weight_bytes: int = 0
    work_bytes: int = 0

    def dtype_of(self, component: str) -> str:
        """The precision of one part, as torch calls it."""
        return self.dtypes.get(component, self.dtypes[""])

    @property
    def precision(self) -> str:
        """The denoiser's precision, as torch calls it."""
        return self.dtypes[""]


def plan_for(
    info: ModelInfo,
    family: Family,
    machine: Machine,
    wishes: Wishes = Wishes(),
    footprint: Footprint | None = None,
) -> Plan:
    """Decides how a model is run: the first way that fits; nothing that costs quality unasked.

    Args:
        info: The model.
        family: Its family.
        machine: What it is run on.
        wishes: What is wanted otherwise.
        footprint: How large it is, where that is known; None = its files' headers are read.
    """
    from .deciding import Deciding

    return Deciding(footprint or footprint_of(info, family), family, info.native_size, machine, wishes).plan()


def apply(plan: Plan, components: Mapping[str, Any], device: torch.device, card: Any = None) -> None:
    """Carries a plan out on loaded networks, which are in main memory and in the plan's precision; instead of ``.to``.

    Args:
        plan: What was chosen.
        components: A model's parts by name; those that are no networks are left alone.
        device: Where they run.
        card: Where several models share a card, who keeps count of it (:class:`pipelines.card.Card`); None = this
            model has the device to itself.
    """
    from .placing import place

    place(plan, components, device, card)
