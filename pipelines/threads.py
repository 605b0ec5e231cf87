"""How many threads of a processor one network step is worth: waking a second one costs more than a small step takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final
from weakref import WeakKeyDictionary

import torch

from .batching import Call

SMALL_STEP: Final = 3e10
"""Weights × latent pixels × samples below which one thread is quicker, or as quick and disturbs nobody.

Measured on two cores with threads that sleep while they wait (``OMP_WAIT_POLICY=PASSIVE``, without which a busy browser
makes a step twenty times slower): the starter's step of one picture of 256 pixels, 1.4e10, takes 0.6 times as long on
one thread as on two; that of four such pictures, 5.6e10, takes 1.4 times as long.
"""


class StepThreads:
    """Sets the threads of the thread that calls it, as torch does: for each calling thread apart.

    Make it on that thread; what torch would have used there is what large steps and everything else get.
    """

    def __init__(self) -> None:
        self._all = torch.get_num_threads()
        self._weights: WeakKeyDictionary[torch.nn.Module, int] = WeakKeyDictionary()

    def set_for(self, calls: Sequence[Call], *, alone: bool) -> None:
        """Readies the calling thread for calls that run as one.

        Args:
            calls: What runs next.
            alone: Whether every bit must be what a bare pipeline gives, which has all threads.
        """
        small = not alone and calls[0].network is not None and self._work(calls) < SMALL_STEP
        torch.set_num_threads(1 if small else self._all)

    def _work(self, calls: Sequence[Call]) -> float:
        network = calls[0].network
        assert network is not None
        pixels = sum(call.size * call.sample.shape[-2:].numel() for call in calls)
        return float(self._count(network) * pixels)

    def _count(self, network: Callable[..., Any]) -> int:
        if not isinstance(network, torch.nn.Module):
            return 0
        if network not in self._weights:
            own = (weight for name, weight in network.named_parameters() if ".lora_" not in name)
            self._weights[network] = sum(weight.numel() for weight in own)  # whatever it wears when first counted
        return self._weights[network]
