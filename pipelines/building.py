"""Builds a network in its precision without touching torch's default, which every thread of the program shares.

While they construct a network in half precision, diffusers and transformers set torch's default dtype, and a picture
that another thread is at would meet it: whatever it computes from plain numbers would lose most of its digits. Only
the tensors that a class makes by itself depend on that default; weights get their dtype from the loader. So a network
is built here through a subclass of its class that leaves the default alone, and is given its own class back.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

import torch
import transformers

NAMED: Final = 3
"""Weights that a sentence names of those that are missing."""


def load_pretrained(kind: type[Any], folder: Path, dtype: torch.dtype, *, label: str, **options: Any) -> Any:
    """Loads a network from its folder, from disk alone and ``.safetensors`` only.

    Args:
        kind: Its class, of diffusers or transformers.
        folder: Holds its ``config.json`` and weights.
        dtype: What its weights are turned into.
        label: What it is called in a sentence.
        **options: For ``from_pretrained``.

    Raises:
        OSError: A file is missing.
        ValueError: Weights are missing, which the libraries would make up at random and only warn of; or files are
            not what they say they are, at which the libraries raise others of
            :data:`pipelines.loading.BROKEN`, too.
    """
    network, found = _quiet(cast("Any", kind)).from_pretrained(
        folder, dtype=dtype, local_files_only=True, use_safetensors=True, output_loading_info=True, **options
    )
    if lacking := sorted(map(str, found["missing_keys"])):
        raise ValueError(f"{label} lacks {len(lacking)} of its weights, first {', '.join(lacking[:NAMED])}")
    network.__class__ = kind
    return network


@functools.cache
def _quiet(kind: type[Any]) -> type[Any]:
    """The subclass, which calls itself as the class does: configurations and registers go by that name."""
    names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
    members = _of_transformers(kind) if issubclass(kind, transformers.PreTrainedModel) else _of_diffusers()
    return type(kind.__name__, (kind,), names | members)  # one base, or the class could not be given back


def _of_diffusers() -> dict[str, Any]:
    def leave_default(_cls: type[Any], _dtype: torch.dtype) -> torch.dtype:
        """What diffusers calls before it constructs a network, and whose result it sets as the default afterwards."""
        return torch.get_default_dtype()

    return {"_set_default_torch_dtype": classmethod(leave_default)}


def _of_transformers(kind: type[Any]) -> dict[str, Any]:
    def construct(self: Any, config: Any, *positional: Any, **named: Any) -> None:
        """Constructs the network; those within it leave the default alone where their configuration has no dtype."""
        with _without_dtypes(config):
            kind.__init__(self, config, *positional, **named)
        for weight in self.parameters():  # transformers turns what it reads into the dtype that it finds here
            if weight.is_floating_point():
                weight.data = weight.data.to(config.dtype)  # nothing is computed: they are on the meta device

    def context(_cls: type[Any], _dtype: torch.dtype, *others: Any) -> Any:
        """What transformers constructs a network in: here with the default that there is already."""
        return cast("Any", kind).get_init_context(torch.get_default_dtype(), *others)

    return {"__init__": construct, "get_init_context": classmethod(context)}


@contextmanager
def _without_dtypes(config: Any) -> Iterator[None]:
    configs = [config, *(found for name in config.sub_configs if (found := getattr(config, name)) is not None)]
    dtypes = [each.dtype for each in configs]
    for each in configs:
        each.dtype = None
    try:
        yield
    finally:
        for each, dtype in zip(configs, dtypes, strict=True):
            each.dtype = dtype
