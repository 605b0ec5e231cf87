"""Another VAE than the model's own: which one a request means, and its network, kept in memory.

A VAE only turns latents into pixels and back, so any that was made for the same latents can stand in for another. A
file tells weights alone; the rest (scaling, layers) is the model's own, whose latents it must fit anyway.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import AutoencoderTiny
from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint
from safetensors import SafetensorError
from safetensors.torch import load_file

from .building import load_pretrained
from .errors import ModelError
from .loading import LoadedModel
from .models import Catalogue
from .tiny_vaes import TINY_VAE, tiny_vae

MOST_KEPT: Final = 2
"""VAEs that stay loaded, beside those that models bring; some 160 MB each in half precision."""

_PREFIXES: Final = ("first_stage_model.", "vae.")


class VaeShelf:
    """The VAEs that were chosen lately; safe to use from many threads.

    Args:
        catalogue: Where the files are found.
        constructing: Opens a context in which nobody else constructs networks.
    """

    def __init__(
        self, catalogue: Catalogue, constructing: Callable[[], contextlib.AbstractContextManager[Any]]
    ) -> None:
        self._catalogue, self._constructing = catalogue, constructing
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, torch.nn.Module] = OrderedDict()

    def find(self, name: str | None, model: LoadedModel) -> Path | None:
        """Which file or folder a request means.

        Args:
            name: The request's ``vae``; None looks for a file of the model's name, beside it or among the VAEs.
            model: The model it is for.

        Returns:
            None for the model's own.

        Raises:
            ModelError: There is none of that name, or it cannot be used.
        """
        if name is None:
            return self._of_the_models_name(model)
        if name.strip().lower() == TINY_VAE:
            place = tiny_vae(model.info, self._catalogue.vaes())
            if place is None:
                raise ModelError(
                    f"vae is {name!r}, and model {model.info.id!r} has no small VAE; put the folder {TINY_VAE!r} "
                    "of its kind into the model's, or leave vae out."
                )
            return place
        found = self._catalogue.find_vae(name)
        if found.problem:
            raise ModelError(found.problem)
        return found.path

    def network(self, place: Path, model: LoadedModel) -> tuple[torch.nn.Module, Hashable]:
        """Gives a VAE's network ready to run, and what tells its results from another's.

        Raises:
            ModelError: It is damaged, or for latents of another kind; it is named.
        """
        try:
            inside = place / "config.json" if place.is_dir() else place
            key = (model.key, str(place), inside.stat().st_mtime_ns)
        except OSError as error:
            raise ModelError(f"VAE {place.stem!r} cannot be read ({error.strerror}); copy it again.") from error
        with self._lock:
            kept = self._kept.get(key)
        if kept is None:
            with self._constructing():
                kept = (_load_tiny if place.is_dir() else _load_file)(place, model)
        with self._lock:
            kept = self._kept.setdefault(key, kept)
            self._kept.move_to_end(key)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return kept, key

    def clear(self) -> None:
        """Forgets all; those in use stay until their pictures are done."""
        with self._lock:
            self._kept.clear()

    def _of_the_models_name(self, model: LoadedModel) -> Path | None:
        file = model.info.file
        name = file.stem if file is not None else model.info.folder.name
        beside = (file.parent if file is not None else model.info.folder) / f"{name}.vae.safetensors"
        if beside.is_file():
            return beside
        names = (name, f"{name}.vae")
        return next((vae.path for vae in self._catalogue.vaes() if vae.name in names and not vae.problem), None)


def _load_file(path: Path, model: LoadedModel) -> torch.nn.Module:
    if path.suffix.lower() != ".safetensors":
        raise ModelError(f"VAE {path.name!r} can run code as it is read; give it as .safetensors.")
    own: Any = model.components["vae"]
    try:
        weights = load_file(path)
        prefix = next((one for one in _PREFIXES if any(name.startswith(one) for name in weights)), "")
        weights = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
        _check_channels(path.stem, weights, own.config.latent_channels)
        if not any(".down_blocks." in name for name in weights):
            weights = convert_ldm_vae_checkpoint(weights, own.config)
        network = type(own).from_config(own.config)
        network.load_state_dict(weights, strict=True)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"VAE {path.stem!r} is damaged or incomplete; copy its file again.") from error
    except (RuntimeError, KeyError, ValueError, TypeError, IndexError) as error:
        raise ModelError(
            f"VAE {path.stem!r} has other layers than model {model.info.id!r} expects; choose another VAE."
        ) from error
    if not all(bool(torch.isfinite(weight).all()) for weight in network.parameters()):
        raise ModelError(f"VAE {path.stem!r} has weights that are not numbers; copy its file again.")
    return _ready(network, model)


def _check_channels(name: str, weights: dict[str, torch.Tensor], wanted: int) -> None:
    first = weights.get("decoder.conv_in.weight")
    if first is not None and first.ndim == 4 and first.shape[1] != wanted:
        raise ModelError(
            f"VAE {name!r} is for {first.shape[1]} latent channels, and the model has {wanted}; choose another VAE."
        )


def _load_tiny(folder: Path, model: LoadedModel) -> torch.nn.Module:
    try:
        network = load_pretrained(AutoencoderTiny, folder, model.dtypes["vae"], label="it")
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelError(
            f"the small VAE in {folder.name!r} cannot be loaded ({reason}); copy its files again."
        ) from error
    wanted, own = model.components["vae"].config.latent_channels, network.config.latent_channels
    if own != wanted:
        raise ModelError(
            f"the small VAE in {folder.name!r} is for {own} latent channels, and the model has {wanted}; leave vae out."
        )
    return _ready(network, model)


def _ready(network: Any, model: LoadedModel) -> torch.nn.Module:
    """On the model's device, and as thrifty as its own VAE."""
    own: Any = model.components["vae"]
    if getattr(own, "use_tiling", False):
        network.enable_tiling()
    if getattr(own, "use_slicing", False):
        network.enable_slicing()
    ready: torch.nn.Module = network.to(model.device, model.dtypes["vae"]).eval().requires_grad_(False)
    return ready
