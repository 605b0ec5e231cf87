"""A model as a folder in diffusers' layout: what its small JSON files say, and what speaks against using it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from .families import Family
from .model_folders import INDEX, REFUSED

LARGEST_JSON: Final = 1 << 20
"""Bytes; the files that say what a model is are a page or two."""

LARGEST_LIST: Final = 8 << 20
"""Bytes of a list of shards."""

LIBRARIES: Final = (None, "diffusers", "transformers", "stable_diffusion")
"""Whose classes a ``model_index.json`` may name; the last has the safety checker."""

CODE: Final = (".py", ".pyc", ".so", ".pyd", ".dll")

_OUTSIDE = re.compile(r"\"\s*:\s*\"([/\\]|[A-Za-z]:|[^\"]*\.\.[/\\])")


class FolderModel:
    """A folder with a ``model_index.json``.

    Args:
        folder: Where it is.
        root: The folder that was configured, which nothing in it may lead out of.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder, self._root = folder, root
        self.index = read_json(folder / INDEX)
        self._unet = read_json(folder / "unet" / "config.json")

    def problem(self) -> str:
        """Why it cannot be used, as a clause; empty = nothing speaks against it."""
        if not self.index:
            return f"its {INDEX} cannot be read"
        return self._stray() or self._code() or self._foreign() or self._pickles()

    def family(self, families: Mapping[str, Family], rules: Sequence[Mapping[str, Any]], starter: str) -> Family | None:
        """Its family, by the pipeline class its index names; None for a kind that is not known."""
        pipeline = self.index.get("_class_name")
        able = [
            family for family in families.values() if family.id != starter and pipeline in family.pipelines.values()
        ]
        for rule in rules:
            data = read_json(self.folder / str(rule["file"]))
            if rule["key"] in data and data[rule["key"]] in rule["in"]:
                able = [family for family in able if family.id == rule["family"]] or able
            elif len(able) > 1:
                able = [family for family in able if family.id != rule["family"]]
        return able[0] if able else None

    def variant(self) -> str:
        """What sets it apart: ``inpaint`` (nine channels), ``v_prediction``, or nothing."""
        if self._unet.get("in_channels") == 9:
            return "inpaint"
        saved = read_json(self.folder / "scheduler" / "scheduler_config.json")
        return "v_prediction" if saved.get("prediction_type") == "v_prediction" else ""

    def native_size(self) -> int | None:
        """Latent sample size × the VAE's shrinking, as the model's own files say."""
        sample = self._unet.get("sample_size")
        blocks = read_json(self.folder / "vae" / "config.json").get("block_out_channels")
        if not isinstance(sample, int) or not isinstance(blocks, list):
            return None
        return sample * 2 ** (len(blocks) - 1) if 0 < sample <= 4096 and 0 < len(blocks) <= 8 else None

    def size_bytes(self) -> int:
        """Of its weights."""
        return sum(_size(path) for path in self._files() if path.suffix.lower() == ".safetensors")

    def _files(self) -> Iterator[Path]:
        """Its files, and those of its parts."""
        for folder in (self.folder, *self._parts()):
            for name in _listed(folder):
                path = folder / name
                if not path.is_dir():
                    yield path

    def _parts(self) -> list[Path]:
        below = (self.folder / name for name in _listed(self.folder) if not name.startswith("."))
        return [path for path in below if path.is_dir()]

    def _stray(self) -> str:
        real_root = self._root.resolve()
        for path in (*self._parts(), *self._files()):
            if path.is_symlink() and not path.resolve().is_relative_to(real_root):
                return f"its {path.name} is a link that leads out of the models folder"
            if path.name.endswith(".index.json"):
                text = _read(path, LARGEST_LIST)
                if text is None or _OUTSIDE.search(text):
                    return f"its {path.name} names files outside of its folder"
        return ""

    def _code(self) -> str:
        for path in self._files():
            if path.suffix.lower() in CODE:
                return f"it brings code of its own ({path.name}), which is never run"
            if path.suffix == ".json" and "config" in path.name and "auto_map" in read_json(path):
                return f"its {path.parent.name}/{path.name} asks for code of its own (auto_map), which is never run"
        return ""

    def _foreign(self) -> str:
        if not isinstance(self.index.get("_class_name"), str):
            return f"its {INDEX} names no pipeline of diffusers"
        for name, value in self.index.items():
            if not name.startswith("_") and isinstance(value, list):
                library = value[0] if len(value) == 2 and isinstance(value[1], str | None) else ""
                if library not in LIBRARIES:
                    return (
                        f"its part {name[:40]!r} comes from {str(library)[:40]!r}, which is neither diffusers nor "
                        "transformers, and code of its own is never run"
                    )
        return ""

    def _pickles(self) -> str:
        for part in self._parts():
            names = [name.lower() for name in _listed(part)]
            if any(name.endswith(REFUSED) for name in names) and not any(n.endswith(".safetensors") for n in names):
                return f"its {part.name} has only pickled weights, which could run code"
        return ""


def read_json(path: Path) -> dict[str, Any]:
    """A small JSON object; empty where there is none that can be read."""
    try:
        data = json.loads(_read(path, LARGEST_JSON) or "{}")
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _read(path: Path, largest: int) -> str | None:
    try:
        if not path.is_file() or path.stat().st_size > largest:
            return None
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def _listed(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - names are all that is wanted
    except OSError:
        return []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
