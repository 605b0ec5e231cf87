"""Many pictures as one ZIP, sent while it is being made: nothing of it is ever held whole, in memory or on disk."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from PIL import Image

from .carried import UNREADABLE
from .embed import chosen_metadata, encode_picture, read_stamp
from .formats import ENDINGS, Metadata, Saving
from .picture import SavedPicture
from .recipe import RecipeError

LEFT_OUT: Final = "Left out.txt"
"""The file of a ZIP that names the pictures which could not be put into it."""

SMALLEST_PIECE: Final = 1 << 16
"""Bytes that are gathered before they are sent on."""


def as_zip(
    pictures: Iterable[SavedPicture], *, metadata: Metadata = "all", saving: Saving | None = None
) -> Iterator[bytes]:
    """Makes a ZIP of pictures, piece by piece; one that cannot be read is left out, and a text inside says so.

    Args:
        pictures: Which.
        metadata: What the copies carry.
        saving: Which kind of file they become; None = each as it is kept.
    """
    sink = _Sink()
    taken: set[str] = set()
    missing: list[str] = []
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:  # pictures are compressed already
        for picture in pictures:
            try:
                data, ending = copy_of(picture, metadata=metadata, saving=saving)
            except (OSError, RecipeError) as error:
                missing.append(f"{_stem(picture, metadata)}: {error}\n")
                continue
            name = _free_name(_stem(picture, metadata), ending, taken)
            archive.writestr(zipfile.ZipInfo(name, picture.created.timetuple()[:6]), data)
            if sink.waiting >= SMALLEST_PIECE:
                yield sink.take()
        if missing:
            archive.writestr(LEFT_OUT, "These pictures could not be read:\n" + "".join(missing))
    yield sink.take()


def to_give_out(
    picture: SavedPicture, *, metadata: Metadata = "all", saving: Saving | None = None
) -> tuple[bytes, str]:
    """A picture to give out, and a name for it that tells no more than what is inside; else as :func:`copy_of`."""
    data, ending = copy_of(picture, metadata=metadata, saving=saving)
    return data, _stem(picture, metadata) + ending


def copy_of(picture: SavedPicture, *, metadata: Metadata = "all", saving: Saving | None = None) -> tuple[bytes, str]:
    """The bytes of a picture as it is given out, and how its file ends.

    As it is kept and with everything in it, it is the very file; else it is encoded anew, from a lossy kind a little
    worse each time.

    Args:
        picture: With a file, or held in memory because the disk did not take it.
        metadata: What the copy carries.
        saving: Which kind of file; None = as it is kept.

    Raises:
        OSError: The file has gone, is damaged, or cannot be read.
        RecipeError: The recipe in it is damaged.
    """
    source: Path | bytes = picture.path or picture.image or b""
    suffix = picture.path.suffix.lower() if picture.path else ".png"
    kind = ENDINGS.get(suffix, "png")
    if metadata == "all" and (saving is None or saving.format == kind):
        return source if isinstance(source, bytes) else source.read_bytes(), suffix
    saving = saving or Saving(format=kind)
    stamp = read_stamp(source)
    infotext, kept = chosen_metadata(stamp, metadata) if stamp else ("", None)
    try:
        file = io.BytesIO(source) if isinstance(source, bytes) else source
        with Image.open(file, formats=("PNG", "JPEG", "WEBP", "AVIF")) as image:
            pixels = image.convert("RGB")
    except (*UNREADABLE, Image.DecompressionBombError) as error:
        raise OSError(f"{picture.path.name if picture.path else 'the picture'} is damaged") from error
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


def _stem(picture: SavedPicture, metadata: Metadata) -> str:
    """A file's name without its ending: usually made of seed and words, which not everybody gives away."""
    if metadata == "nothing":
        return "reverie"
    plain = f"reverie-{picture.created:%Y%m%d-%H%M%S}-{picture.seed}"
    return picture.path.stem if picture.path and metadata == "all" else plain


def _free_name(stem: str, ending: str, taken: set[str]) -> str:
    number, name = 1, f"{stem}{ending}"
    while name.lower() in taken:  # Windows and macOS count A and a as one
        number += 1
        name = f"{stem}-{number}{ending}"
    taken.add(name.lower())
    return name
