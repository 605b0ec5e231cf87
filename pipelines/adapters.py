"""LoRAs on shared networks: loaded once for each model, switched on for the calls of whoever asked for them.

peft lays small layers beside those of the networks, which everybody shares. So a set of adapters belongs to a call
(:class:`AdapterSet`): calls of different sets are never joined, and the engine puts the set on right before it runs
one. A call without adapters runs the layers underneath, which are the very ones that were loaded; once the last
adapter is gone they stand alone again. All but :meth:`Wardrobe.hold` runs on the engine's thread.
"""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections import Counter, OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open

from .errors import GenerationError, ModelError
from .memory import is_out_of_memory

MOST_KEPT: Final = 8
"""LoRAs that stay loaded with a model while nobody uses them."""

DENOISERS: Final = ("unet", "transformer")


@dataclass(frozen=True)
class Adapter:
    """One LoRA of a request.

    Attributes:
        name: For people.
        path: Its file.
        family: Which family it is for; None = not known.
        denoiser: Its weight on the U-Net or transformer.
        text_encoder: Its weight on the text encoders.
        identity: What tells its file from another, and from itself after a change.
    """

    name: str
    path: Path
    family: str | None
    denoiser: float
    text_encoder: float
    identity: Hashable

    def plus(self, other: Adapter) -> Adapter:
        """The same file with both weights."""
        denoiser, text_encoder = self.denoiser + other.denoiser, self.text_encoder + other.text_encoder
        return replace(self, denoiser=denoiser, text_encoder=text_encoder)


@dataclass(frozen=True)
class AdapterSet:
    """What the calls of one request wear, in the order in which it is added up.

    Attributes:
        wardrobe: Where it hangs.
        denoiser: Identity and weight of each, for the U-Net or transformer.
        text_encoder: Likewise for the text encoders.
    """

    wardrobe: Wardrobe = field(repr=False, compare=False)
    denoiser: tuple[tuple[Hashable, float], ...] = ()
    text_encoder: tuple[tuple[Hashable, float], ...] = ()

    @property
    def key(self) -> Hashable:
        """What must be equal for two steps to be one network call."""
        return self.denoiser

    def put_on(self) -> None:
        """Makes the denoiser wear it."""
        self.wardrobe.wear("denoiser", self.denoiser)

    @contextlib.contextmanager
    def on_text_encoders(self) -> Iterator[None]:
        """Makes the text encoders wear it for as long as the context is open."""
        self.wardrobe.wear("text_encoder", self.text_encoder)
        try:
            yield
        finally:
            self.wardrobe.wear("text_encoder", ())


class Wardrobe:
    """The LoRAs that are loaded with one model; the least recently used goes first, those in use stay.

    Args:
        most_kept: How many stay while nobody uses them.
    """

    def __init__(self, most_kept: int = MOST_KEPT) -> None:
        self._most_kept = most_kept
        self._names: OrderedDict[Hashable, str] = OrderedDict()
        self._made = 0
        self._worn: dict[str, tuple[tuple[Hashable, float], ...]] = {}
        self._layers: dict[str, list[Any]] = {}
        self._held: Counter[Hashable] = Counter()
        self._lock = threading.Lock()

    @property
    def loaded(self) -> int:
        """How many LoRAs are loaded."""
        return len(self._names)

    def has(self, adapters: Sequence[Adapter]) -> bool:
        """Whether all are loaded; for those that are held this stays so."""
        return all(adapter.identity in self._names for adapter in adapters)

    @contextlib.contextmanager
    def hold(self, adapters: Sequence[Adapter]) -> Iterator[AdapterSet]:
        """Keeps adapters from being put away while the context is open; any thread may call it."""
        known = [(adapter.identity, adapter) for adapter in adapters]
        with self._lock:
            self._held.update(identity for identity, _ in known)
        try:
            yield AdapterSet(
                self,
                tuple((identity, one.denoiser) for identity, one in known if one.denoiser),
                tuple((identity, one.text_encoder) for identity, one in known if one.text_encoder),
            )
        finally:
            with self._lock:
                self._held.subtract(identity for identity, _ in known)
                self._held += Counter()  # forgets those that nobody holds

    def load(self, pipeline: Any, adapters: Sequence[Adapter], model: str) -> None:
        """Loads what is not loaded yet, and puts away what has not been used for longest.

        Nothing else may be constructing networks meanwhile.

        Args:
            pipeline: A diffusers pipeline over the model's real networks.
            adapters: What to load, each held.
            model: The model's id, for sentences.

        Raises:
            ModelError: A file is damaged, a pickle, for other networks or full of not-a-number; it is named.
        """
        for adapter in adapters:
            if adapter.identity not in self._names:
                self._load(pipeline, adapter, model)
            self._names.move_to_end(adapter.identity)
        with self._lock:
            idle = [identity for identity in self._names if not self._held[identity]]
        for identity in idle[: max(0, len(self._names) - self._most_kept)]:
            self._put_away(pipeline, self._names.pop(identity))

    def clear(self, pipeline: Any) -> None:
        """Puts everything away that nobody holds; without any adapter left the networks are what they were."""
        with self._lock:
            idle = [identity for identity in self._names if not self._held[identity]]
        for identity in idle:
            self._put_away(pipeline, self._names.pop(identity))

    def wear(self, part: str, wanted: tuple[tuple[Hashable, float], ...]) -> None:
        """Puts a set on, which costs nothing where it is on already.

        Args:
            part: ``denoiser`` or ``text_encoder``.
            wanted: Identity and weight of each; all loaded.
        """
        if not self._layers or self._worn.get(part) == wanted:
            return
        names = [self._names[identity] for identity, _ in wanted]
        for layer in self._layers.get(part, ()):
            layer._disable_adapters = not wanted  # noqa: SLF001 - peft's own ways also walk all weights,
            if wanted:
                layer._active_adapter = names  # noqa: SLF001 - at a twentieth of the speed
                for name, (_, weight) in zip(names, wanted, strict=True):
                    layer.set_scale(name, weight)
        self._worn[part] = wanted

    def _load(self, pipeline: Any, adapter: Adapter, model: str) -> None:
        if not hasattr(pipeline, "load_lora_weights"):
            raise ModelError(f"model {model!r} is of a kind that takes no LoRA; leave LoRA {adapter.name!r} out.")
        _check_file(adapter)
        name = f"lora{self._made}"
        self._made += 1
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Already found a `peft_config`")  # several are what is wanted
                pipeline.load_lora_weights(
                    str(adapter.path.parent),
                    weight_name=adapter.path.name,
                    adapter_name=name,
                    local_files_only=True,
                    use_safetensors=True,
                    low_cpu_mem_usage=False,  # else peft patches torch while it lays out the layers
                )
            self._check_weights(pipeline, adapter, name, model)
        except BaseException as error:
            self._put_away(pipeline, name)
            if isinstance(error, ModelError) or not isinstance(error, Exception):
                raise
            if is_out_of_memory(error):
                raise GenerationError(
                    f"There was not enough memory for LoRA {adapter.name!r}; leave it out."
                ) from error
            raise ModelError(_does_not_fit(adapter, model)) from error
        self._names[adapter.identity] = name
        self._look(pipeline)

    def _check_weights(self, pipeline: Any, adapter: Adapter, name: str, model: str) -> None:
        mine = []
        for network in _networks(pipeline).values():
            for label, weight in network.named_parameters():
                if f".{name}." in label or label.endswith(f".{name}"):
                    mine.append(weight)
        if not mine:
            raise ModelError(_does_not_fit(adapter, model))
        if not all(bool(torch.isfinite(weight).all()) for weight in mine):
            raise ModelError(f"LoRA {adapter.name!r} has weights that are not numbers; copy its file again.")

    def _put_away(self, pipeline: Any, name: str) -> None:
        if self._names:
            _delete(pipeline, name)
        else:
            pipeline.unload_lora_weights()
        self._look(pipeline)

    def _look(self, pipeline: Any) -> None:
        """Takes stock of the layers that switch, and switches all of them off."""
        self._layers.clear()
        self._worn.clear()
        for name, network in _networks(pipeline).items():
            part = "denoiser" if name in DENOISERS else "text_encoder"
            found = _switches(network)
            if found:
                network.requires_grad_(False)
                self._layers.setdefault(part, []).extend(found)
        for part in list(self._layers):
            self.wear(part, ())


def _networks(pipeline: Any) -> dict[str, torch.nn.Module]:
    """The networks of a pipeline that take LoRAs, by component."""
    named = {name: getattr(pipeline, name, None) for name in pipeline._lora_loadable_modules}  # noqa: SLF001
    return {name: network for name, network in named.items() if isinstance(network, torch.nn.Module)}


def _switches(network: torch.nn.Module) -> list[Any]:
    """The layers of a network that adapters lie beside."""
    from peft.tuners.tuners_utils import BaseTunerLayer  # seconds; only where somebody uses a LoRA

    return [layer for layer in network.modules() if isinstance(layer, BaseTunerLayer)]


def _delete(pipeline: Any, name: str) -> None:
    from diffusers.utils.peft_utils import delete_adapter_layers

    for network in _networks(pipeline).values():
        if not hasattr(network, "peft_config"):
            continue
        for layer in _switches(network):
            if name in layer.active_adapters:  # peft would choose another by itself, and say so
                layer.set_adapter([other for other in layer.active_adapters if other != name], inference_mode=True)
        delete_adapter_layers(network, name)


def _check_file(adapter: Adapter) -> None:
    if adapter.path.suffix.lower() != ".safetensors":
        raise ModelError(
            f"LoRA {adapter.name!r} is a {adapter.path.suffix or 'file without ending'}, which can run code as it is "
            "read; give it as .safetensors."
        )
    try:
        with safe_open(adapter.path, "pt") as file:
            empty = not list(file.keys())
    except (OSError, SafetensorError, ValueError) as error:
        raise ModelError(f"LoRA {adapter.name!r} is damaged or incomplete; copy its file again.") from error
    if empty:
        raise ModelError(f"LoRA {adapter.name!r} is empty; copy its file again.")


def _does_not_fit(adapter: Adapter, model: str) -> str:
    made_for = f", but for {adapter.family}" if adapter.family else ""
    return (
        f"LoRA {adapter.name!r} is not made for the networks of model {model!r}{made_for}; choose another of the two."
    )
