"""Many pictures as one ZIP, sent while it is being made: nothing of it is ever held whole, in memory or on disk."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from typing import Final

from PIL import Image

from .carried import UNREADABLE
from .embed import chosen_metadata, encode_picture, read_stamp
from .formats import ENDINGS, Metadata, Saving
from .picture import SavedPicture
from .recipe import RecipeError

SMALLEST_PIECE: Final = 1 << 16
"""Bytes that are gathered before they are sent on."""


def as_zip(
    pictures: Iterable[SavedPicture], *, metadata: Metadata = "all", saving: Saving | None = None
) -> Iterator[bytes]:
    """Makes a ZIP of pictures, piece by piece; one whose file has gone or cannot be read is left out.

    Args:
        pictures: Each with a file.
        metadata: What the copies carry.
        saving: Which kind of file they become; None = each as it is kept.
    """
    sink = _Sink()
    taken: set[str] = set()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:  # pictures are compressed already
        for picture in pictures:
            try:
                data, ending = copy_of(picture, metadata=metadata, saving=saving)
            except (OSError, RecipeError):
                continue
            name = _free_name(picture, ending, taken)
            archive.writestr(zipfile.ZipInfo(name, picture.created.timetuple()[:6]), data)
            if sink.waiting >= SMALLEST_PIECE:
                yield sink.take()
    yield sink.take()


def copy_of(picture: SavedPicture, *, metadata: Metadata = "all", saving: Saving | None = None) -> tuple[bytes, str]:
    """The bytes of a picture as it is given out, and how its file ends.

    As it is kept and with everything in it, it is the very file; else it is encoded anew, from a lossy kind a little
    worse each time.

    Args:
        picture: One with a file.
        metadata: What the copy carries.
        saving: Which kind of file; None = as it is kept.

    Raises:
        OSError: The file has gone, is damaged, or cannot be read.
        RecipeError: The recipe in it is damaged.
    """
    if picture.path is None:
        raise FileNotFoundError("the picture has no file")
    kind = ENDINGS.get(picture.path.suffix.lower(), "png")
    if metadata == "all" and (saving is None or saving.format == kind):
        return picture.path.read_bytes(), picture.path.suffix.lower()
    saving = saving or Saving(format=kind)
    stamp = read_stamp(picture.path)
    infotext, kept = chosen_metadata(stamp, metadata) if stamp else ("", None)
    try:
        with Image.open(picture.path, formats=("PNG", "JPEG", "WEBP", "AVIF")) as image:
            pixels = image.convert("RGB")
    except (*UNREADABLE, Image.DecompressionBombError) as error:
        raise OSError(f"{picture.path.name} is damaged") from error
    return encode_picture(pixels, saving, infotext=infotext, stamp=kept), saving.ending


class _Sink(io.RawIOBase):
    """Takes what is written to it until somebody fetches it; it cannot go back, and so the ZIP is made in one go."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.waiting = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload]
        self._parts.append(part)
        self.waiting += len(part)
        return len(part)

    def take(self) -> bytes:
        """Everything since the last time."""
        whole = b"".join(self._parts)
        self._parts.clear()
        self.waiting = 0
        return whole


def _free_name(picture: SavedPicture, ending: str, taken: set[str]) -> str:
    stem = picture.path.stem if picture.path else picture.id
    number, name = 1, f"{stem}{ending}"
    while name.lower() in taken:  # Windows and macOS count A and a as one
        number += 1
        name = f"{stem}-{number}{ending}"
    taken.add(name.lower())
    return name
