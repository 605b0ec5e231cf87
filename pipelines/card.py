"""What lies on the card: networks come when they are called, and those not called for longest make room."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

import torch
from accelerate.hooks import ModelHook, add_hook_to_module
from accelerate.utils import send_to_device

MAIN: Final = torch.device("cpu")


class Card:
    """Counts what lies on a device; networks move on the engine's thread, between two calls.

    Networks of one *company* are wanted together: where one is called, all come, and leave only when another company
    needs the room. A network in a company of its own leaves for its siblings, too.

    Args:
        device: The card.
        free: Tells what is free on it now, in bytes.
    """

    def __init__(self, device: torch.device, free: Callable[[], int]) -> None:
        self.device = device
        self._free = free
        self._lock = threading.RLock()
        self._here: OrderedDict[int, torch.nn.Module] = OrderedDict()
        self._companies: dict[int, tuple[tuple[torch.nn.Module, ...], int]] = {}
        self._called: torch.nn.Module | None = None

    def admit(self, networks: Sequence[torch.nn.Module], *, together: bool, work_bytes: int) -> None:
        """Sees to networks from now on: each comes to the card when it is called.

        Args:
            networks: In main memory; they stay there until then.
            together: Whether they are one company, else each is one by itself.
            work_bytes: What their work takes besides the weights.
        """
        with self._lock:
            for network in networks:
                company = tuple(networks) if together else (network,)
                self._companies[id(network)] = company, work_bytes
                add_hook_to_module(network, Arrival(self), append=True)

    def call(self, network: torch.nn.Module) -> None:
        """Brings a network's company to the card; what was not called for longest goes to main memory for it."""
        with self._lock:
            self._called = network
            company, work_bytes = self._companies.get(id(network), ((network,), 0))
            missing = [one for one in company if id(one) not in self._here]
            if missing:
                wanted = work_bytes + sum(bytes_of_network(one) for one in missing)
                self._make_room(wanted, spared={id(one) for one in company})
                for one in missing:
                    one.to(self.device)
                    self._here[id(one)] = one
            for one in company:
                self._here.move_to_end(id(one))

    def clear_for_called(self) -> None:
        """Moves everything to main memory but the network that was called last."""
        with self._lock:
            for network in list(self._here.values()):
                if network is not self._called:
                    self._send_away(network)

    def forget(self, networks: Collection[torch.nn.Module]) -> None:
        """Sees to networks no longer; they are about to be dropped."""
        with self._lock:
            for network in networks:
                self._here.pop(id(network), None)
                self._companies.pop(id(network), None)
                if network is self._called:
                    self._called = None

    @property
    def bytes(self) -> int:
        """What the networks on the card take."""
        with self._lock:
            return sum(bytes_of_network(network) for network in self._here.values())

    def holds(self, network: torch.nn.Module) -> bool:
        """Whether a network lies on the card."""
        return id(network) in self._here

    def _make_room(self, wanted: int, spared: set[int]) -> None:
        """Sends away until it suffices; networks that come one at a time leave no sibling behind."""
        for number, network in list(self._here.items()):
            if self._free() >= wanted:
                return
            if number not in spared:
                self._send_away(network)

    def _send_away(self, network: torch.nn.Module) -> None:
        network.to(MAIN)
        self._here.pop(id(network), None)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


class Arrival(ModelHook):  # type: ignore[misc]  # accelerate ships no types
    """Calls a network to the card before it works, and takes what it is given there, too."""

    def __init__(self, card: Card) -> None:
        super().__init__()
        self._card = card
        self.execution_device = card.device  # where diffusers makes noise and embeddings

    def pre_forward(self, module: torch.nn.Module, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """Runs before ``forward``, and, in diffusers' VAEs, before ``encode`` and ``decode``."""
        self._card.call(module)
        given: tuple[Any, Any] = send_to_device((args, kwargs), self._card.device)
        return given


def bytes_of_network(network: torch.nn.Module) -> int:
    """What a network's weights and buffers take, wherever they lie."""
    tensors = [*network.parameters(), *network.buffers()]
    return sum(tensor.nbytes for tensor in tensors)
