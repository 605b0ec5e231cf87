"""What a ``.safetensors`` file is, told by the names and shapes in its header; what fits nothing is unknown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from .errors import PresetError
from .folder_models import read_json
from .headers import Header
from .model_folders import NOTES
from .preset import PRESETS

PREFIXES: Final = ("model.diffusion_model.", "")
"""What original files put before the names of their denoiser; ``@`` in the data stands for either."""

_NUMBERED = re.compile(r"(?<=s[._])\d+")
"""The number of a block or layer: ``down_blocks.0``, ``layers_11``."""

LARGEST_NOTE: Final = 1 << 18
"""Bytes of a ``.yaml`` beside a file that are read."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a file is.

    Attributes:
        what: ``model``, ``lora``, ``embedding``, ``vae``, another word of ``presets/kinds.json``, or ``unknown``.
        called: For people: "a LoRA".
        goes_to: The folder such files belong into; empty = Reverie has no use for them.
        family: The family's id, where the header tells.
        variant: What sets a model apart within its family; empty = nothing.
        problem: Why a model cannot be used although it is one (parts are missing, it is quantised), as a clause.
    """

    what: str
    called: str
    goes_to: str = ""
    family: str | None = None
    variant: str = ""
    problem: str = ""


class Kinds:
    """Tells files apart by ``presets/kinds.json``.

    Args:
        path: The data.

    Attributes:
        folder_rules: What tells families apart whose folders name the same pipeline class.

    Raises:
        PresetError: The data cannot be used.
    """

    def __init__(self, path: Path = PRESETS / "kinds.json") -> None:
        try:
            data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            self._rows = [
                (row, re.compile(row["like"], re.MULTILINE) if "like" in row else None) for row in data["kinds"]
            ]
            self._loras = [(row, re.compile(row["like"], re.MULTILINE)) for row in data["lora"]]
            self._quantised = re.compile(data["quantised"], re.MULTILINE)
            self._what: Mapping[str, tuple[str, str]] = {key: (a, b) for key, (a, b) in data["what"].items()}
            self._vae_parts, self._text_parts = tuple(data["vae_parts"]), tuple(data["text_parts"])
            self._widths = {int(width): family for width, family in data["embedding_widths"].items()}
            self._architectures = [(str(begin), str(family)) for begin, family in data["architectures"]]
            self.folder_rules: list[Mapping[str, Any]] = list(data["folders"])
            self._v_names = tuple(data["v_prediction_names"])
        except (OSError, ValueError, KeyError, TypeError, re.error) as error:
            raise PresetError(f"presets/kinds.json cannot be used ({error}); restore the file.") from error

    def of(self, header: Header, path: Path) -> Kind:
        """Says what a file is: by its header, for the prediction type also by the notes beside it."""
        names = _Names(header)
        for row, pattern in self._rows:
            if names.fit(row, pattern):
                return self._kind(row, names, path)
        if self._is_lone_embedding(header):
            return self._embedding(None, header)
        return Kind("unknown", "of a kind that Reverie does not know")

    def _kind(self, row: dict[str, Any], names: _Names, path: Path) -> Kind:
        what, header = str(row["is"]), names.header
        called, goes_to = self._what.get(what, ("", ""))
        called, family = str(row.get("called", called)), row.get("family")
        if what == "model":
            variant = self._variant(row, names, path)
            return Kind(what, called, goes_to, family, variant, self._missing(names))
        if what == "lora":
            family = self._lora_family(names)
        elif what == "embedding":
            return self._embedding(family, header)
        elif what == "vae":
            family = family or self._by_metadata(header)
        return Kind(what, called, goes_to, family)

    def _embedding(self, family: str | None, header: Header) -> Kind:
        widths = {tensor.shape[-1] for tensor in header.tensors.values() if tensor.shape}
        guess = self._widths.get(widths.pop()) if len(widths) == 1 else None
        return Kind("embedding", *self._what["embedding"], family=family or guess)

    @staticmethod
    def _is_lone_embedding(header: Header) -> bool:
        """Diffusers writes a textual inversion as one tensor that bears the word's own name."""
        if len(header.tensors) != 1:
            return False
        ((name, tensor),) = header.tensors.items()
        return len(tensor.shape) in (1, 2) and (
            tensor.shape[-1] in (768, 1024, 1280) or (name.startswith("<") and name.endswith(">"))
        )

    def _variant(self, row: dict[str, Any], names: _Names, path: Path) -> str:
        if names.shape("@input_blocks.0.0.weight")[1:2] == (9,):
            return "inpaint"
        variant = str(row.get("variant", ""))
        if not variant and row["family"] != "stable-diffusion-3" and self._predicts_v(row["family"], names, path):
            return "v_prediction"
        return variant

    def _predicts_v(self, family: str, names: _Names, path: Path) -> bool:
        """Whether it foretells velocity: by a note beside it, its marks, its metadata, or a published file's name.

        The weights themselves do not tell, unless they are run: the two kinds have the same shapes.
        """
        if (noted := _noted_prediction(path)) is not None:
            return noted
        if "v_pred" in names.header.tensors:
            return True
        metadata = names.header.metadata
        said = metadata.get("modelspec.prediction_type", "").lower()
        if said:
            return said.startswith("v")
        if metadata.get("modelspec.architecture", "").startswith("stable-diffusion-v2-768-v"):
            return True
        named = any(name in path.name.lower() for name in self._v_names)
        return named and family in ("stable-diffusion-2", "stable-diffusion-xl")

    def _missing(self, names: _Names) -> str:
        if self._quantised.search(names.text):
            return "its weights are quantised with factors of their own, which diffusers' single files do not know"
        vae = any(name in names.header.tensors for name in self._vae_parts)
        text = any(name.startswith(self._text_parts) for name in names.header.tensors)
        missing = [part for part, there in (("VAE", vae), ("text encoders", text)) if not there]
        return f"it has no {' and no '.join(missing)}" if missing else ""

    def _lora_family(self, names: _Names) -> str | None:
        for row, pattern in self._loras:
            if "inputs" not in row:
                if pattern.search(names.text):
                    return str(row["family"])
            elif any(width in row["inputs"] for width in names.lora_inputs(pattern)):
                return str(row["family"])
        return self._by_metadata(names.header)

    def _by_metadata(self, header: Header) -> str | None:
        for name in ("modelspec.architecture", "ss_base_model_version"):
            said = header.metadata.get(name, "").lower()
            for begin, family in self._architectures:
                if said.startswith(begin):
                    return family
        return None


class _Names:
    """A header's names, looked at in the ways the data asks for."""

    def __init__(self, header: Header) -> None:
        self.header = header

    @cached_property
    def text(self) -> str:
        """A name a line. Of names that differ in a block's number alone one is enough, and thirty times as fast."""
        names = _NUMBERED.sub("0", "\n".join(self.header.tensors))
        return "\n".join(dict.fromkeys(names.split("\n")))

    def fit(self, row: dict[str, Any], pattern: re.Pattern[str] | None) -> bool:
        lacking, either = row.get("lacks", ()), row.get("any", ())
        if not all(map(self._has, row.get("has", ()))) or any(map(self._has, lacking)):
            return False
        if (either and not any(map(self._has, either))) or (pattern and not pattern.search(self.text)):
            return False
        if "unlike" in row and re.search(row["unlike"], self.text, re.MULTILINE):
            return False
        if "shape" in row:
            name, dimension, fitting = row["shape"]
            return self.shape(name)[dimension : dimension + 1] in [(size,) for size in fitting]
        return True

    def shape(self, name: str) -> tuple[int, ...]:
        return next((shape for real in _spelt(name) if (shape := self.header.shape(real))), ())

    def lora_inputs(self, pattern: re.Pattern[str]) -> Iterator[int]:
        """How wide the layers are whose names match: the last dimension of a LoRA's first half."""
        return (width for name, width in self._first_halves if pattern.search(name))

    @cached_property
    def _first_halves(self) -> list[tuple[str, int]]:
        ends = (".lora_down.weight", ".lora_A.weight", ".lora_A.default.weight", ".down.weight", "_lora.down.weight")
        found = self.header.tensors.items()
        return [(name, tensor.shape[1]) for name, tensor in found if len(tensor.shape) >= 2 and name.endswith(ends)]

    def _has(self, name: str) -> bool:
        return any(real in self.header.tensors for real in _spelt(name))


def _spelt(name: str) -> tuple[str, ...]:
    return tuple(prefix + name[1:] for prefix in PREFIXES) if name.startswith("@") else (name,)


def _noted_prediction(path: Path) -> bool | None:
    """What is noted beside a file: in ``name.json``, in its ``.components``, or in A1111's ``name.yaml``."""
    for note in (path.with_suffix(".json"), path.with_name(path.stem + NOTES) / "scheduler" / "scheduler_config.json"):
        said = read_json(note).get("prediction_type")
        if isinstance(said, str):
            return said.lower().startswith("v")
    with suppress(OSError, ValueError):
        note = path.with_suffix(".yaml")
        if note.is_file() and note.stat().st_size <= LARGEST_NOTE:
            found = re.search(r"^\s*parameterization:\s*[\"']?(\w+)", note.read_text(encoding="utf-8"), re.MULTILINE)
            return found is not None and found[1] == "v"
    return None
