"""What edits began with, kept beside the pictures: uploaded sources and masks, by the digest that recipes tell."""

from __future__ import annotations

import io
import logging
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from PIL import Image

from pipelines.images import check_pixels

from .carried import UNREADABLE
from .files import STALE_SECONDS, is_file, write_new
from .recipe import Recipe, digest

log = logging.getLogger(__name__)

NAME: Final = ".inputs"

FIELDS: Final = ("image", "mask_image")
"""The request fields that hold pictures."""

_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})")


def lacking(recipe: Recipe | None, kept: Collection[str]) -> tuple[str, ...]:
    """The request fields that name a picture which is not there.

    Args:
        recipe: The picture's; None = nothing is known of it.
        kept: The fields whose pictures are there.
    """
    told = recipe.request if recipe is not None else {}
    return tuple(name for name in FIELDS if told.get(name) is not None and name not in kept)


class Inputs:
    """Sources and masks as bare PNG files, each once however many pictures began with it.

    Whose they are is not written down here: whoever asks has a picture whose recipe names the digest, and only the
    library hands anything out, to that picture's owner.

    Args:
        folder: The library's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / NAME
        self._lock = threading.Lock()
        self._making: Counter[str] = Counter()

    @contextmanager
    def making(self, digests: Collection[str]) -> Iterator[None]:
        """While a picture is being kept that begins with these, nobody takes them for left over."""
        with self._lock:
            self._making.update(list(digests))
        try:
            yield
        finally:
            with self._lock:
                self._making.subtract(list(digests))
                self._making += Counter()  # without those that came down to nothing

    def keep(self, images: Mapping[str, Image.Image]) -> tuple[list[str], OSError | None]:
        """Keeps pictures by their digests; each is on the disk before this returns.

        Args:
            images: Mode RGB or L, by :func:`~webui.library.recipe.digest`.

        Returns:
            The digests that were not there before, and why not all could be kept.
        """
        new: list[str] = []
        for name, image in images.items():
            path = self._path(name)
            try:
                if path is not None and not self._touched(path):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with suppress(FileExistsError):  # another thread was quicker
                        write_new(path, _bare_png(image))
                        new.append(name)
            except OSError as error:
                log.warning("What a picture began with could not be kept: %s", error)
                return new, error
        return new, None

    def get(self, name: object) -> Image.Image | None:
        """The picture with a digest; None where there is none, or its file is not what it was.

        Args:
            name: ``sha256:`` and 64 hexadecimal digits; anything else names nothing.
        """
        path = self._path(name)
        if path is None or not is_file(path):
            return None
        try:
            with Image.open(path, formats=("PNG",)) as image:
                check_pixels(image)
                image.load()
                bare = image.copy()
        except (*UNREADABLE, Image.DecompressionBombError) as error:
            log.warning("%s cannot be read: %s", path.name, error)
            return None
        bare.info.clear()
        return bare if digest(bare) == name else None

    def forget(self, digests: Collection[str], needed: Callable[[str], bool], *, own: int = 0) -> None:
        """Removes what no picture began with any more.

        Args:
            digests: Which.
            needed: Tells whether a picture names one.
            own: How many pictures the caller itself is keeping with these.
        """
        for name in digests:
            path = self._path(name)
            with self._lock, suppress(OSError):
                if path is not None and self._making[name] <= own and not needed(name):
                    path.unlink()

    def sweep(self, needed: Collection[str]) -> int:
        """Removes what was left over when a program was killed; what is quite new may belong to another program.

        Args:
            needed: The digests that pictures name.

        Returns:
            How many were removed.
        """
        removed = 0
        names = {name.removeprefix("sha256:") for name in needed}
        found: list[Path] = []
        with suppress(OSError):  # what cannot be looked at stays
            found = list(self._folder.glob("*/*.png"))
        for path in found:
            with suppress(OSError):
                if path.stem not in names and time.time() - path.stat().st_mtime > STALE_SECONDS:
                    path.unlink()
                    removed += 1
        return removed

    def _path(self, name: object) -> Path | None:
        found = _DIGEST.fullmatch(name) if isinstance(name, str) else None
        return self._folder / found[1][:2] / f"{found[1]}.png" if found else None

    @staticmethod
    def _touched(path: Path) -> bool:
        """Makes a file that is there count as new, for :meth:`sweep` of another program."""
        try:
            os.utime(path)
        except FileNotFoundError:
            return False
        return True


def _bare_png(image: Image.Image) -> bytes:
    bare = image.copy()
    bare.info.clear()
    png = io.BytesIO()
    bare.save(png, "PNG")
    return png.getvalue()
