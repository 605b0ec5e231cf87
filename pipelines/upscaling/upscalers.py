"""The upscalers that requests name: always Lanczos and its like, and the files in the models' folders."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, Final

import torch
from PIL import Image

from pipelines.errors import InvalidRequest, ModelError
from pipelines.images import MAX_PIXELS
from pipelines.models import Catalogue

from .enlarging import Errands, OnTile, count_tiles, enlarge
from .esrgan_file import UpscalerNet, load_upscaler
from .names import LANCZOS, LATENT, RESAMPLING, built_in

MOST_KEPT: Final = 2
"""Networks that stay loaded; 67 MB each in float32."""

MOST_ROUNDS: Final = 3
"""How many times a network is used on its own result, as A1111 does for scales beyond its own."""

LARGEST_BETWEEN: Final = 4 * MAX_PIXELS
"""Pixels that a network may make before the result is fitted to the size asked."""


class Upscalers:
    """Enlarges pictures; safe to use from many threads.

    Args:
        catalogue: Where the files are found.
        device: Where networks run.
        dtype: In which precision.
        constructing: Opens a context in which nobody else constructs networks.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        device: torch.device,
        dtype: torch.dtype,
        constructing: Callable[[], contextlib.AbstractContextManager[Any]],
    ) -> None:
        self._catalogue, self._device, self._dtype, self._constructing = catalogue, device, dtype, constructing
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int, int], UpscalerNet] = OrderedDict()

    def check(self, name: str, parameter: str, *, latents: bool = False) -> None:
        """Refuses a name that means nothing, before any work is done; loads what it means.

        Args:
            name: What the request says.
            parameter: The request's field.
            latents: Whether latents are there to be enlarged.

        Raises:
            InvalidRequest: It is one for latents, and there are none.
            ModelError: There is no such file, or it cannot be used.
        """
        known = built_in(name)
        if known in LATENT and not latents:
            raise InvalidRequest(
                parameter, f"{parameter} is {name!r}, and there are no latents to enlarge here; choose {LANCZOS!r}."
            )
        if known is None:
            self.network(name)

    def upscale(
        self, image: Image.Image, name: str, size: tuple[int, int], errand: Errands, on_tile: OnTile | None = None
    ) -> Image.Image:
        """Enlarges a picture to a size: by the network as often as it takes, and the rest by Lanczos.

        Args:
            image: Mode RGB.
            name: An upscaler of pixels.
            size: Width and height of the result.
            errand: How networks are called.
            on_tile: Told tiles done, and tiles in all, anew for each round.

        Raises:
            ModelError: There is no such file, or it cannot be used.
            GenerationError: The network failed.
        """
        known = built_in(name)
        if known is not None:
            return image.resize(size, RESAMPLING.get(known, Image.Resampling.LANCZOS))
        network = self.network(name)
        for begin in _rounds(image.size, network.scale, size):
            smaller = image if image.size == begin else image.resize(begin, Image.Resampling.LANCZOS)
            image = enlarge(smaller, network, errand, on_tile)
        return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)

    def count_tiles(self, image: tuple[int, int], name: str, size: tuple[int, int]) -> int:
        """How often a network is called by :meth:`upscale`, which is never for what is built in.

        Args:
            image: Width and height of what is given.
            name: As there.
            size: As there.
        """
        if built_in(name) is not None:
            return 0
        return sum(count_tiles(begin) for begin in _rounds(image, self.network(name).scale, size))

    def network(self, name: str) -> UpscalerNet:
        """Gives the network of a file, loaded at most once while it is in use.

        Raises:
            ModelError: There is no such file, or it cannot be used.
        """
        path = self._catalogue.find_upscaler(name).path
        try:
            state = path.stat()
        except OSError as error:
            raise ModelError(f"Upscaler {name!r} cannot be read ({error.strerror}); copy its file again.") from error
        key = (str(path), state.st_size, state.st_mtime_ns)
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                with self._constructing():
                    kept = self._kept[key] = load_upscaler(path, self._dtype, self._device)
            self._kept.move_to_end(key)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return kept

    def clear(self) -> None:
        """Forgets the networks; those in use stay as long as they are."""
        with self._lock:
            self._kept.clear()


def _rounds(image: tuple[int, int], scale: int, size: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """What a network is given each time: the size it has come to, or less where its result would fill memory."""
    for _ in range(MOST_ROUNDS if scale > 1 else 1):
        if scale > 1 and image[0] >= size[0] and image[1] >= size[1]:
            return
        over = image[0] * image[1] * scale**2 / LARGEST_BETWEEN
        if over > 1:
            image = max(1, int(image[0] / over**0.5)), max(1, int(image[1] / over**0.5))
        yield image
        image = image[0] * scale, image[1] * scale
