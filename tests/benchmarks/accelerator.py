"""The machine that networks run on: waiting for it, its memory, and a cap on that memory."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch


class Accelerator:
    """One device. On a CPU the memory questions have no answer, and a cap is none.

    Args:
        device: ``cpu`` or ``cuda``.

    Attributes:
        device: As given.
        half: The precision that a manager loads models in there.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self.half = torch.float16 if self._is_cuda else torch.float32

    def finish(self) -> None:
        """Waits until everything that was begun is done."""
        if self._is_cuda:
            torch.cuda.synchronize()

    def seconds(self, work: Callable[[], Any], times: int, *, warm_ups: int = 2) -> float:
        """How long one of ``times`` goes takes, all queued behind each other as in a denoising loop."""
        for _ in range(warm_ups):
            work()
        self.finish()
        began = time.perf_counter()
        for _ in range(times):
            work()
        self.finish()
        return (time.perf_counter() - began) / times

    def forget(self) -> None:
        """Gives back memory that nobody holds, and begins to watch for a new peak."""
        gc.collect()
        if self._is_cuda:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def peak_gib(self) -> dict[str, float] | None:
        """The most that was allocated, and reserved for it, since :meth:`forget`."""
        if not self._is_cuda:
            return None
        return {
            "allocated": round(torch.cuda.max_memory_allocated() / 2**30, 2),
            "reserved": round(torch.cuda.max_memory_reserved() / 2**30, 2),
        }

    @contextlib.contextmanager
    def capped(self, gib: float) -> Iterator[None]:
        """Lets this process have no more than so much; evidence on memory, not on a smaller card's speed."""
        if not self._is_cuda:
            yield
            return
        whole = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, gib * 2**30 / whole))
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)

    @property
    def _is_cuda(self) -> bool:
        return self.device.startswith("cuda")
