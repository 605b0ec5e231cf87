"""Results that cost network time and change nothing when used again, kept within a bound in bytes."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar

import torch

T = TypeVar("T")

CACHE_BYTES: Final = 64 * 2**20


class TensorCache:
    """Least recently used goes first; safe to use from many threads.

    Args:
        largest_bytes: What all entries together may take.

    Attributes:
        hits: Times a result was found.
        misses: Times it had to be made.
    """

    def __init__(self, largest_bytes: int = CACHE_BYTES) -> None:
        self._largest_bytes = largest_bytes
        self._entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self.hits = self.misses = 0

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Gives the entry under ``key``, made by ``make`` where there is none; callers must not change it."""
        with self._lock:
            if key in self._entries:
                self.hits += 1
                self._entries.move_to_end(key)
                found: T = self._entries[key][0]
                return found
        made = make()
        with self._lock:
            self.misses += 1
            size = bytes_of(made)
            if key not in self._entries and size <= self._largest_bytes:
                self._entries[key] = (made, size)
                self._bytes += size
                while self._bytes > self._largest_bytes:
                    self._bytes -= self._entries.popitem(last=False)[1][1]
        return made

    def find(self, key: Hashable) -> Any:
        """Gives the entry under ``key``; None where there is none."""
        with self._lock:
            if key not in self._entries:
                return None
            self._entries.move_to_end(key)
            return self._entries[key][0]

    def clear(self) -> None:
        """Forgets everything, to give memory back."""
        with self._lock:
            self._entries.clear()
            self._bytes = 0

    def forget(self, model_key: Hashable) -> None:
        """Forgets the results of one model: those whose key has its key inside."""
        with self._lock:
            for key in [key for key in self._entries if _mentions(key, model_key)]:
                self._bytes -= self._entries.pop(key)[1]

    @property
    def bytes(self) -> int:
        """What the entries take now."""
        return self._bytes


def _mentions(key: Hashable, model_key: Hashable) -> bool:
    return key is model_key or (isinstance(key, tuple) and any(_mentions(part, model_key) for part in key))


def bytes_of(value: Any) -> int:
    """Bytes of every tensor in nested dictionaries, sequences and plain objects that hold tensors."""
    if isinstance(value, torch.Tensor):
        return value.nbytes
    if isinstance(value, dict):
        return sum(bytes_of(part) for part in value.values())
    if isinstance(value, (list, tuple)):
        return sum(bytes_of(part) for part in value)
    return sum(bytes_of(part) for part in vars(value).values()) if hasattr(value, "__dict__") else 0


def fingerprint(tensor: torch.Tensor) -> Hashable:
    """A key that two tensors share only when every bit, the shape and the type are equal."""
    plain = tensor.detach().cpu().contiguous()
    return tuple(plain.shape), plain.dtype, hashlib.sha256(plain.view(torch.uint8).numpy().tobytes()).hexdigest()
