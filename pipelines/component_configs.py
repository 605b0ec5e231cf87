"""What the parts of a single file look like: small configuration files that come with the program or lie beside it.

A single file in the original layout holds weights alone. How many layers of which kind they belong to is read from
``presets/components``, one folder for each kind of model in diffusers' layout without weights. Their values are
facts: what the publishers of Stable Diffusion 1.5, 2.1 and XL, 3 and 3.5, and of Flux.1 wrote into the
``config.json`` files of these models. A folder for a variant, ``flux-schnell``, has only what differs.

Whoever has a model of other proportions lays such a folder beside the file, called ``<the file's name>.components``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .errors import ModelError
from .families import Family
from .models import ModelInfo
from .parts import INDEX, SCHEDULER, read_json
from .preset import PRESETS

COMPONENTS: Final = PRESETS / "components"

BESIDE: Final = ".components"
"""Ending of the folder beside a file that describes just this file."""


@dataclass(frozen=True, slots=True)
class ComponentConfigs:
    """The configurations of one file's parts.

    Attributes:
        layers: Folders in diffusers' layout without weights; what the first has counts.
    """

    layers: tuple[Path, ...]

    def folder(self, part: str) -> Path:
        """The folder in which a part's own folder lies.

        Raises:
            FileNotFoundError: No layer has it.
        """
        for layer in self.layers:
            if (layer / part).is_dir():
                return layer
        raise FileNotFoundError(f"{self.layers[0].name} has no folder {part}")

    @property
    def index(self) -> dict[str, Any]:
        """What ``model_index.json`` holds.

        Raises:
            OSError: There is none.
            ValueError: It cannot be read.
        """
        there = [layer for layer in self.layers if (layer / INDEX).is_file()] or [self.layers[-1]]
        return read_json(there[0] / INDEX)

    @property
    def scheduler(self) -> dict[str, Any]:
        """The scheduler's configuration.

        Raises:
            OSError: There is none.
            ValueError: It cannot be read.
        """
        return read_json(self.folder(SCHEDULER) / SCHEDULER / "scheduler_config.json")


def configs_for(info: ModelInfo, family: Family, root: Path = COMPONENTS) -> ComponentConfigs:
    """Finds the configurations of a single file.

    Args:
        info: The model; its variant chooses among the family's folders.
        family: Its family, whose ``config`` names the folder.
        root: Where the program's own lie.

    Raises:
        ModelError: There are none for this family.
    """
    assert info.file is not None
    beside = info.file.with_name(info.file.name.removesuffix(".safetensors") + BESIDE)
    found = [beside, root / f"{family.config}-{info.variant}", root / family.config] if family.config else [beside]
    layers = tuple(folder for folder in found if folder.is_dir())
    if not layers:
        raise ModelError(
            f"model {info.id!r} is a single file, and how {family.name} is put together from one is not known here; "
            f"use the model in diffusers' layout, or lay its configuration files into {beside.name}."
        )
    return ComponentConfigs(layers)


def corrections(part: str, config: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """What the weights themselves say otherwise than the configuration: an inpainting U-Net's nine channels.

    Args:
        part: The component's name.
        config: What its ``config.json`` holds.
        shapes: Of the file's tensors, by name.
    """
    first = shapes.get("model.diffusion_model.input_blocks.0.0.weight", ())
    if part == "unet" and len(first) == 4 and first[1] != config.get("in_channels"):
        return {"in_channels": first[1]}
    return {}
