"""The kinds of file that pictures are kept and given out as."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Literal, get_args

from pipelines.errors import InvalidRequest

from .names import USUAL_PATTERN, check_pattern

Format = Literal["png", "jpeg", "webp", "avif"]
Metadata = Literal["all", "no_prompt", "nothing"]

ENDINGS: Final[dict[str, Format]] = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".webp": "webp",
    ".avif": "avif",
}
"""How files end, the usual ending of a format first."""

_PNG_END: Final = b"\0\0\0\0IEND\xaeB`\x82"
_JPEG_END: Final = b"\xff\xd9"


@dataclass(frozen=True, slots=True)
class Saving:
    """How pictures are written.

    Attributes:
        format: ``png`` is always lossless; ``jpeg``, ``webp`` and ``avif`` are smaller.
        quality: 1 … 100, for all but PNG; A1111 uses 80 for the same thing.
        lossless: WebP without loss; JPEG and AVIF (as Pillow writes it) cannot do that.
        pattern: The file's name, see :mod:`webui.library.names`.

    Raises:
        InvalidRequest: A field has a value it cannot take.
    """

    format: Format = "png"
    quality: int = 90
    lossless: bool = False
    pattern: str = USUAL_PATTERN

    def __post_init__(self) -> None:
        if self.format not in get_args(Format):
            raise InvalidRequest("format", f"format is {str(self.format)[:40]!r}; use png, jpeg, webp or avif.")
        if type(self.quality) is not int or not 1 <= self.quality <= 100:
            raise InvalidRequest("quality", f"quality is {str(self.quality)[:40]!r}; use a whole number from 1 to 100.")
        if self.lossless and self.format in ("jpeg", "avif"):
            raise InvalidRequest("lossless", f"lossless is on, and {self.format} cannot do that; use png or webp.")
        check_pattern(self.pattern)

    @property
    def ending(self) -> str:
        """``.png``, ``.jpg``, ``.webp`` or ``.avif``."""
        return next(ending for ending, name in ENDINGS.items() if name == self.format)

    @property
    def exact(self) -> bool:
        """Whether every pixel is kept as it was."""
        return self.format == "png" or self.lossless


def media_type(path: Path) -> str:
    """What HTTP calls the kind of a file, such as ``image/png``."""
    return f"image/{ENDINGS.get(path.suffix.lower(), 'png')}"


def is_whole(path: Path) -> bool:
    """Tells without decoding whether a picture's file ends where its format says it should.

    Raises:
        OSError: It cannot be read.
    """
    kind = ENDINGS.get(path.suffix.lower())
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        if kind == "webp":
            file.seek(0)
            head = file.read(8)
            length = int.from_bytes(head[4:], "little")
            return len(head) == 8 and length + 8 + length % 2 == size
        if kind == "avif":
            return 0 < size == _boxes_end(file)
        end = _PNG_END if kind == "png" else _JPEG_END
        file.seek(max(0, size - len(end)))
        return file.read() == end


def _boxes_end(file: BinaryIO) -> int:
    """Where the last box of an ISO base media file ends (ISO/IEC 14496-12, 4.2)."""
    place = 0
    for _ in range(1000):
        file.seek(place)
        head = file.read(16)
        if len(head) < 8:
            return place if not head else -1
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:
            return -1
        place += length
    return -1
