"""The texts that a picture file carries, read with strict limits and without decoding one pixel.

PNG is read here and not by Pillow, because a file of a few kilobytes can unfold to hundreds of megabytes of text there.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

from PIL import Image

from pipelines.images import FORMATS

from .recipe import RecipeError

LARGEST_FILE: Final = 64 << 20
"""Bytes; WebP and AVIF are read whole before they are looked at."""

LARGEST_TEXTS: Final = 4 << 20
"""Bytes of all texts of a file together, unpacked: two recipes of the greatest length and a large workflow."""

MOST_CHUNKS: Final = 100_000
"""Chunks of a PNG that are looked at; Pillow's own files have one for each 64 KB of pixels."""

USER_COMMENT: Final = "UserComment"
MAKER_NOTE: Final = "MakerNote"
SOFTWARE: Final = "Software"
OWN_MARK: Final = b"reverie\0"
"""How our own chunk begins inside a JPEG's APP15 segments, or as a WebP's or AVIF's MakerNote."""

OWN: Final = "reverie"
PARAMETERS: Final = "parameters"

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_EXIF_IFD: Final = 0x8769
_EXIF_TAGS: Final = {0x9286: USER_COMMENT, 0x927C: MAKER_NOTE}
UNREADABLE: Final = (
    *(OSError, SyntaxError, ValueError, EOFError, struct.error, MemoryError, OverflowError),
    RuntimeError,
)
"""What Pillow raises for files that are damaged; the last is how its AVIF decoder says so."""


def texts_of(source: str | Path | bytes | Image.Image) -> dict[str, str]:
    """Reads a picture's texts by name: PNG's keywords, or ``parameters`` and ``reverie`` wherever they lie.

    A JPEG, WebP or AVIF gives its EXIF ``UserComment`` as ``parameters``, and ``MakerNote`` and ``Software`` by those
    names, so that whoever reads recipes need not know which kind of file it was.

    Args:
        source: A path, the file's bytes, or an opened picture.

    Raises:
        RecipeError: The source is no picture that can be read, or is too large.
    """
    if isinstance(source, Image.Image):
        found = {name: text for name, text in source.info.items() if isinstance(name, str) and isinstance(text, str)}
        return found if source.format == "PNG" or PARAMETERS in found or OWN in found else found | _exif_texts(source)
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else Path(source).open("rb") as file:
            return _texts(file)
    except (*UNREADABLE, Image.DecompressionBombError) as error:
        raise RecipeError("The file is no picture that can be read; give one in PNG, JPEG, WebP or AVIF.") from error


def _texts(file: BinaryIO) -> dict[str, str]:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if file.read(len(_SIGNATURE)) == _SIGNATURE:
        return _png_texts(file, size)
    if size > LARGEST_FILE:
        raise RecipeError(f"The file has {size >> 20} MB; at most {LARGEST_FILE >> 20} MB can be read.")
    file.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of large pictures and odd EXIF; no pixel is decoded here
        with Image.open(file, formats=FORMATS) as image:
            if image.format == "PNG":
                return {}
            return _exif_texts(image)


def _png_texts(file: BinaryIO, size: int) -> dict[str, str]:
    """Text chunks of a PNG (W3C PNG 3rd edition, 11.3.3), before and after the pixels."""
    found: dict[str, str] = {}
    left, too_long = LARGEST_TEXTS, ""
    for number, (kind, length) in enumerate(_chunks(file, size)):
        if number == 0 and kind != b"IHDR":
            raise RecipeError("The file is no picture that can be read; it begins like a PNG and is none.")
        if number > MOST_CHUNKS or left <= 0:
            break
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            data = file.read(length) if length <= left else b""
            left -= len(data)
            name, text = _text_chunk(kind, data, left)
            left -= len(text)
            if name:
                found.setdefault(name, text)
            else:
                too_long = too_long or f"a text of {length:,} bytes"
    if too_long and not found:
        raise RecipeError(f"The file has {too_long} inside that cannot be read; at most {LARGEST_TEXTS >> 20} MB can.")
    return found


def _chunks(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    """Kind and length of each chunk, the file standing at its data; ends quietly where the file is cut off."""
    place = file.tell()
    while place + 12 <= size:
        file.seek(place)
        length, kind = struct.unpack(">I4s", file.read(8))
        if place + 12 + length > size:
            if kind == b"IHDR" or place == len(_SIGNATURE):
                raise RecipeError("The file is no picture that can be read; it is cut off.")
            return
        yield kind, length
        place += 12 + length
        if kind == b"IEND":
            return
    if place == len(_SIGNATURE):
        raise RecipeError("The file is no picture that can be read; it is cut off.")


def _text_chunk(kind: bytes, data: bytes, most: int) -> tuple[str, str]:
    """Keyword and text, both empty where they cannot be read."""
    keyword, _, rest = data.partition(b"\0")
    name = keyword[:79].decode("latin-1")
    if kind == b"tEXt":
        return name, rest.decode("latin-1")
    packed, encoding = kind == b"zTXt", "latin-1"
    if kind == b"iTXt":
        if len(rest) < 2:
            return "", ""
        packed, encoding = rest[0] == 1, "utf-8"
        rest = rest[2:].split(b"\0", 2)[-1] if rest.count(b"\0", 2) >= 2 else b""
    elif rest:
        rest = rest[1:]
    if packed:
        unpacking = zlib.decompressobj()
        try:
            rest = unpacking.decompress(rest, max(1, most))
        except zlib.error:
            return "", ""
        if unpacking.unconsumed_tail:  # more than anybody's recipe
            return "", ""
    return name, rest.decode(encoding, errors="replace")


def _exif_texts(image: Image.Image) -> dict[str, str]:
    found: dict[str, str] = {}
    with suppress(*UNREADABLE, KeyError, TypeError, AttributeError):
        exif = image.getexif()
        found |= {SOFTWARE: software} if (software := _plain(exif.get(0x0131))) else {}
        inner: dict[int, Any] = exif.get_ifd(_EXIF_IFD)
        for tag, name in _EXIF_TAGS.items():
            value = inner.get(tag)
            if tag == 0x927C and isinstance(value, bytes) and value.startswith(OWN_MARK):
                found[OWN] = value[len(OWN_MARK) :][:LARGEST_TEXTS].decode(errors="replace")
            elif text := _plain(value):
                found[PARAMETERS if name == USER_COMMENT else name] = text
    own = b"".join(
        data[len(OWN_MARK) :]
        for marker, data in getattr(image, "applist", ())
        if marker == "APP15" and data.startswith(OWN_MARK)
    )
    if own:
        found[OWN] = own[:LARGEST_TEXTS].decode(errors="replace")
    return found


def _plain(value: object) -> str:
    """EXIF's ways to write a text (CIPA DC-008, UserComment): a code in eight bytes, then the text in it."""
    if isinstance(value, str):
        return value[:LARGEST_TEXTS].strip("\0")
    if not isinstance(value, bytes):
        return ""
    code, text = value[:8], value[8:LARGEST_TEXTS]
    if code == b"UNICODE\0":
        little = text.decode("utf-16-le", errors="replace")
        if "Steps: " in little or little.startswith(("{", "\ufeff")):  # A1111 writes big-endian; not everybody does
            return little.strip("\0\ufeff")
        return text.decode("utf-16-be", errors="replace").rstrip("\0")
    if code in (b"ASCII\0\0\0", b"\0" * 8):
        return text.decode("utf-8", errors="replace").strip("\0")
    return value[:LARGEST_TEXTS].decode("utf-8", errors="replace").strip("\0")
