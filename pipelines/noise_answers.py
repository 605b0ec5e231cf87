"""Noise from a source of one's own for code that draws its noise by ``torch.randn``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

import torch
from torch.overrides import TorchFunctionMode


class Source(Protocol):
    """Draws noise in place of a generator."""

    generator: torch.Generator

    def draw(self, shape: Sequence[int], dtype: torch.dtype = ..., /) -> torch.Tensor:
        """Draws the next noise."""
        ...


class NoiseAnswers(TorchFunctionMode):
    """A ``with`` in which this thread's ``torch.randn`` is answered; other threads and generators are left alone.

    Args:
        noise: Who answers for its ``generator``; None = nobody, and nothing changes.
    """

    def __init__(self, noise: Source | None) -> None:
        super().__init__()
        self._noise = noise

    def __enter__(self) -> Self:
        """Begins to answer."""
        if self._noise is not None:
            super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends it."""
        if self._noise is not None:
            super().__exit__(kind, error, trace)  # type: ignore[no-untyped-call]

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Answers ``torch.randn``; all else goes its way."""
        asked = dict(kwargs or {})
        if func is torch.randn and self._noise is not None and asked.get("generator") is self._noise.generator:
            sizes = args[0] if len(args) == 1 and not isinstance(args[0], int) else args or asked["size"]
            drawn = self._noise.draw(tuple(sizes), asked.get("dtype") or torch.float32)
            return drawn.to(asked.get("device") or "cpu")
        return func(*args, **asked)


def before_each_step(scheduler: Any, begin: Callable[[], None]) -> None:
    """Calls ``begin`` before each step of a scheduler that belongs to one picture; its arithmetic is untouched."""
    step = scheduler.step

    @functools.wraps(step)
    def begin_and_step(*args: Any, **kwargs: Any) -> Any:
        begin()
        return step(*args, **kwargs)

    scheduler.step = begin_and_step
