"""What one request does to the shared denoiser, for the length of each of its own calls."""

from __future__ import annotations

import contextlib
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

from .request import GenerationRequest
from .seamless import circular


@dataclass(frozen=True, slots=True)
class Touches:
    """What is done; nothing, unless something is given.

    Attributes:
        tiling: Convolutions go round the edge.
        freeu: FreeU's s1, s2, b1 and b2 (Si et al. 2023), as diffusers' ``enable_freeu`` takes them; None = off.
    """

    tiling: bool = False
    freeu: tuple[float, float, float, float] | None = None

    @classmethod
    def of(cls, request: GenerationRequest) -> Touches:
        """Those that a request asks for."""
        numbers = (request.freeu_s1, request.freeu_s2, request.freeu_b1, request.freeu_b2)
        return cls(request.tiling, numbers if request.freeu else None)

    def __bool__(self) -> bool:
        """Whether anything is done."""
        return self.tiling or self.freeu is not None

    @contextlib.contextmanager
    def on(self, network: Any) -> Iterator[None]:
        """Does it to a U-Net while the context is open, which only the engine's thread may open."""
        with contextlib.ExitStack() as undo:
            if self.tiling:
                undo.enter_context(circular(network))
            if self.freeu is not None:
                undo.callback(network.disable_freeu)
                network.enable_freeu(*self.freeu)
            yield


class Touched:
    """A network as one request has it: called like the network, which is what it was after each call.

    Args:
        network: The shared one.
        touches: What is done to it.

    Attributes:
        join_key: Equal where calls may be joined: the same network, touched alike.
    """

    def __init__(self, network: Any, touches: Touches) -> None:
        self._network, self._touches = network, touches
        self.join_key: Hashable = (id(network), touches)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls it; on the engine's thread."""
        with self._touches.on(self._network):
            return self._network(*args, **kwargs)
