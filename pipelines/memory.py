"""When memory runs out: free what can be freed, try in a thriftier way, and say what would fit."""

from __future__ import annotations

import contextlib
import gc
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import torch

from .errors import OutOfMemory
from .request import SIZE_STEP

T = TypeVar("T")


def is_out_of_memory(error: BaseException) -> bool:
    """Tells an allocation that failed, on any device, from other errors."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)


def first_that_fits(attempts: Sequence[Callable[[], T]]) -> T:
    """Gives the first attempt's result, or the next one's where memory did not suffice.

    Args:
        attempts: From the plainest to the thriftiest; at least one.

    Raises:
        OutOfMemory: None of them fits.
    """
    for attempt in attempts:
        try:
            return attempt()
        except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError
            if not is_out_of_memory(error):
                raise
            error.__traceback__ = None  # its frames hold the very tensors that must go
        free_memory()
    raise OutOfMemory("There was not enough memory for this picture; give a smaller width and height.")


def free_memory() -> None:
    """Gives back what nobody holds: Python's cycles and the allocator's reserve."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


@contextlib.contextmanager
def tiled(vae: Any) -> Iterator[None]:
    """Lets a VAE work tile by tile and picture by picture, and afterwards as before."""
    if not hasattr(vae, "enable_tiling") or getattr(vae, "use_tiling", False):  # it cannot, or its plan says so anyway
        yield
        return
    vae.enable_tiling()
    vae.enable_slicing()
    try:
        yield
    finally:
        vae.disable_tiling()
        vae.disable_slicing()


@contextlib.contextmanager
def set_aside(networks: Sequence[torch.nn.Module]) -> Iterator[None]:
    """Moves networks that are not needed just now into main memory, and afterwards back."""
    homes = [next((parameter.device for parameter in network.parameters()), None) for network in networks]
    for network in networks:
        network.to("cpu")
    free_memory()
    try:
        yield
    finally:
        for network, home in zip(networks, homes, strict=True):
            if home is not None:
                network.to(home)


def smaller_size(width: int, height: int) -> tuple[int, int]:
    """The size of half as many pixels in the same shape, in multiples of 8: half the memory."""
    return tuple(max(64, int(side / math.sqrt(2)) // SIZE_STEP * SIZE_STEP) for side in (width, height))  # type: ignore[return-value]
