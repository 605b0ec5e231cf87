"""Which checkpoints exist: found on disk by their small JSON files, without loading anything."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from .errors import ModelError, PresetError
from .families import Family, load_families

STARTER_ID: Final = "starter"
STARTER_FOLDER: Final = Path(__file__).resolve().parent / "starter" / "weights"


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model that can be asked for.

    Attributes:
        id: What a request's ``model`` holds.
        name: For people.
        family: The family's id.
        tasks: Which of ``text_to_image``, ``image_to_image`` and ``inpaint`` it can do.
        native_size: Side in pixels of the square it was trained on.
        defaults: Request fields that suit it (steps, guidance, sampler).
        folder: Where it lies, in diffusers' layout.
        preview: ``factors`` and ``bias`` of the linear preview, or None.
    """

    id: str
    name: str
    family: str
    tasks: tuple[str, ...]
    native_size: int
    defaults: Mapping[str, Any] = field(default_factory=dict)
    folder: Path = field(default=STARTER_FOLDER, repr=False)
    preview: Mapping[str, Any] | None = field(default=None, repr=False)


class Catalogue:
    """The starter model and whatever lies in the given folders.

    A folder is a model when it holds a ``model_index.json``; folders are searched two levels deep.

    Args:
        models_dirs: Folders to look in; one that does not exist is an error at once, not later.

    Attributes:
        problems: One error for each family preset that cannot be used; its models are not listed.

    Raises:
        ModelError: A folder does not exist.
        PresetError: The starter's own preset cannot be used.
    """

    def __init__(self, models_dirs: Sequence[str | Path] = ()) -> None:
        self._folders = [Path(folder).expanduser() for folder in models_dirs]
        for folder in self._folders:
            if not folder.is_dir():
                raise ModelError(f"models_dirs has {folder}, which is no folder; create it or leave it out.")
        self._families, self.problems = load_families()
        if STARTER_ID not in self._families:
            raise (
                self.problems[0]
                if self.problems
                else PresetError("presets/families/starter.json is missing; restore the file.")
            )

    def models(self) -> list[ModelInfo]:
        """Lists the starter first, then every readable model by name."""
        starter = self._describe(STARTER_FOLDER, STARTER_ID, self._families["starter"])
        found = [info for root in self._folders for info in self._search(root)]
        return [starter, *sorted(found, key=lambda info: info.name.lower())]

    def find(self, model: str | None) -> ModelInfo:
        """Gives the model a request asks for; None is the starter.

        Raises:
            ModelError: There is none by that id; the sentence names the nearest.
        """
        models = {info.id: info for info in self.models()}
        if (model or STARTER_ID) in models:
            return models[model or STARTER_ID]
        near = difflib.get_close_matches(str(model), models, n=1, cutoff=0.0)[0]
        raise ModelError(
            f"model is {model!r}, which is not installed; use {near!r}, or add its folder to --models-dir."
        )

    def family(self, info: ModelInfo) -> Family:
        """The family a model belongs to."""
        return self._families[info.family]

    def _search(self, root: Path) -> Iterator[ModelInfo]:
        for index in sorted(
            [
                *root.glob("model_index.json"),
                *root.glob("*/model_index.json"),
                *root.glob("*/*/model_index.json"),
            ]
        ):
            folder = index.parent
            family = self._family_of(index)
            if family is not None and folder.resolve().is_relative_to(root.resolve()):
                name = folder.relative_to(root).as_posix() if folder != root else folder.name
                yield self._describe(folder, name, family)

    def _family_of(self, index: Path) -> Family | None:
        """The family whose text-to-image pipeline the index names, None for a kind that is not known."""
        pipeline = str(_read_json(index).get("_class_name", ""))
        for family in self._families.values():
            if family.id != STARTER_ID and pipeline in family.pipelines.values():
                return family
        return None

    def _describe(self, folder: Path, model_id: str, family: Family) -> ModelInfo:
        preview = _read_json(folder / "preview.json") or family.preview
        return ModelInfo(
            id=model_id,
            name=family.name if model_id == STARTER_ID else model_id,
            family=family.id,
            tasks=_tasks(folder, family),
            native_size=_native_size(folder) or family.native_size,
            defaults=dict(family.defaults),
            folder=folder,
            preview=preview,
        )


def _tasks(folder: Path, family: Family) -> tuple[str, ...]:
    """All that the family can do; a nine-channel U-Net was trained to inpaint and can do nothing else."""
    nine = _read_json(folder / "unet" / "config.json").get("in_channels") == 9
    return tuple(task for task in family.pipelines if task == "inpaint" or not nine)


def _native_size(folder: Path) -> int | None:
    """Latent sample size × the VAE's shrinking, as the model's own files say."""
    sample = _read_json(folder / "unet" / "config.json").get("sample_size")
    blocks = _read_json(folder / "vae" / "config.json").get("block_out_channels")
    return sample * 2 ** (len(blocks) - 1) if isinstance(sample, int) and isinstance(blocks, list) else None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
