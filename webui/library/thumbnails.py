"""Small copies of pictures, kept on disk beside the index."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path
from typing import Final

from PIL import Image

from .carried import UNREADABLE
from .files import write_new

THUMBNAIL_SIDE: Final = 320


class Thumbnails:
    """Makes and keeps thumbnails; losing them costs only time.

    Args:
        folder: Where; made when it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, picture_id: str, path: Path) -> bytes | None:
        """A JPEG at most 320 pixels wide and high; None where the picture cannot be read."""
        kept = self._path(picture_id)
        with suppress(OSError):
            return kept.read_bytes()
        try:
            jpeg = _small_jpeg(path)
        except (*UNREADABLE, Image.DecompressionBombError):
            return None
        with suppress(OSError):  # a thumbnail that cannot be kept is made again next time
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_new(kept, jpeg)
        return jpeg

    def forget(self, picture_id: str) -> None:
        """Removes the thumbnail of a picture that is gone."""
        with suppress(OSError):
            self._path(picture_id).unlink()

    def _path(self, picture_id: str) -> Path:
        return self._folder / picture_id[:2] / f"{picture_id}.jpg"


def _small_jpeg(path: Path) -> bytes:
    with Image.open(path, formats=("PNG", "JPEG", "WEBP", "AVIF")) as image:
        small = image.convert("RGB")
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    small.info.clear()
    jpeg = io.BytesIO()
    small.save(jpeg, "JPEG", quality=85)
    return jpeg.getvalue()
