"""The parts that a model's ``model_index.json`` lists, each with its class: from diffusers and transformers alone."""

from __future__ import annotations

import inspect
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import diffusers
import transformers
from diffusers.schedulers.scheduling_utils import SchedulerMixin

from .errors import ModelError

INDEX: Final = "model_index.json"

LARGEST_INDEX: Final = 1 << 20
"""Bytes; a published one has a few hundred."""

SCHEDULER: Final = "scheduler"

LEFT_OUT: Final = ("safety_checker", "feature_extractor", "image_encoder")
"""What no picture here needs."""

LABELS: Final = {
    "unet": "the denoiser",
    "transformer": "the denoiser",
    "vae": "the VAE",
    "text_encoder": "the text encoder",
    "text_encoder_2": "the second text encoder",
    "text_encoder_3": "the third text encoder",
    "tokenizer": "the tokenizer",
    "tokenizer_2": "the second tokenizer",
    "tokenizer_3": "the third tokenizer",
}
"""What each is called in a sentence."""


@dataclass(frozen=True, slots=True)
class Part:
    """One component.

    Attributes:
        name: As pipelines call it: ``unet``, ``text_encoder_2`` …
        kind: Its class.
    """

    name: str
    kind: type[Any]

    @property
    def label(self) -> str:
        """For people."""
        return LABELS.get(self.name, self.name.replace("_", " "))

    @property
    def is_network(self) -> bool:
        """Whether it has weights."""
        return issubclass(self.kind, (diffusers.ModelMixin, transformers.PreTrainedModel))

    @property
    def is_tokenizer(self) -> bool:
        """Whether it turns text into numbers."""
        return issubclass(self.kind, transformers.PreTrainedTokenizerBase)


def read_json(path: Path) -> dict[str, Any]:
    """Reads a small JSON object.

    Raises:
        OSError: It cannot be read.
        ValueError: It is none, or larger than any that was ever published.
    """
    if path.stat().st_size > LARGEST_INDEX:
        raise ValueError(f"{path.name} is larger than {LARGEST_INDEX} bytes")
    data = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(data, dict):
        raise ValueError(f"{path.name} is no JSON object")
    return data


def settings_known(pipelines: Collection[type[Any]]) -> frozenset[str]:
    """Names of all that these pipelines are constructed with."""
    return frozenset(name for pipeline in pipelines for name in inspect.signature(pipeline.__init__).parameters)


def parts_of(index: Mapping[str, Any], known: Collection[str]) -> list[Part]:
    """Lists the components of a model but for its scheduler, in the order of their names.

    Args:
        index: What ``model_index.json`` holds.
        known: What its pipelines can be constructed with.

    Raises:
        ModelError: It names a class that is no network and no tokenizer of the two libraries.
    """
    wanted = sorted(set(index) & set(known) - {SCHEDULER, *LEFT_OUT})
    entries = [(name, index[name]) for name in wanted if isinstance(index[name], list) and len(index[name]) == 2]
    return [Part(name, _class(name, *entry)) for name, entry in entries if entry[0] is not None]


def switches_of(index: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """What pipelines are constructed with beside their parts: switches, and None for what a model does without."""
    switches = {name: value for name, value in index.items() if name in known and not isinstance(value, list)}
    absent = {name: None for name in known if index.get(name) == [None, None]}
    unneeded = {name: None for name in LEFT_OUT if name in known}
    unchecked = {"requires_safety_checker": False} if "requires_safety_checker" in known else {}
    return switches | absent | unneeded | unchecked


def _class(name: str, library: Any, kind: Any) -> type[Any]:
    modules = {"diffusers": diffusers, "transformers": transformers}
    found = getattr(modules.get(library), str(kind), None) if not str(kind).startswith("_") else None
    bases = (diffusers.ModelMixin, transformers.PreTrainedModel, transformers.PreTrainedTokenizerBase, SchedulerMixin)
    if not inspect.isclass(found) or not issubclass(found, bases):
        raise ModelError(
            f"its {INDEX} says that {name} is {str(kind)[:80]!r} of {str(library)[:80]!r}, which is no network and no "
            "tokenizer of diffusers or transformers, and nothing else is run"
        )
    return found
