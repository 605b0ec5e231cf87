"""Files that are whole or not there, under names that every system takes."""

from __future__ import annotations

import os
import re
import secrets
import time
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

PART: Final = ".part"
"""How a file that is still being written ends."""

STALE_SECONDS: Final = 60.0
"""A part this old belongs to a program that is gone: writing one takes far less."""

LONGEST_WORDS: Final = 48
"""Bytes of the prompt in a file's name, so that whole paths stay below Windows' 260 characters."""


def write_new(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Writes a file whole or not at all, and on the disk before it returns; never over another file.

    Args:
        path: Where; its folder exists.
        data: What.
        mode: Permissions, less the umask.

    Raises:
        FileExistsError: There is such a file already.
        OSError: It cannot be written; nothing is left behind.
    """
    part = path.with_name(f".{secrets.token_hex(8)}{PART}")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _move(part, path)
        _sync_folder(path.parent)
    finally:
        with suppress(OSError):
            part.unlink()


def picture_path(folder: Path, created: datetime, seed: int, prompt: str, copy: int = 1) -> Path:
    """Where a picture goes: ``<YYYY-MM-DD>/<HHMMSS>-<seed>-<first words of the prompt>.png``.

    Args:
        folder: The library's folder.
        created: In local time.
        seed: The picture's own.
        prompt: Any text; what a file name cannot hold is left out.
        copy: From 2 on it is added to the name, for pictures that would have the same.
    """
    parts = [f"{created:%H%M%S}", str(seed), first_words(prompt), str(copy) if copy > 1 else ""]
    return folder / f"{created:%Y-%m-%d}" / ("-".join(part for part in parts if part) + ".png")


def first_words(prompt: str) -> str:
    """The first words of a prompt in letters and digits of any script, joined by ``-``; may be empty."""
    words = ""
    for word in re.findall(r"[^\W_]+", unicodedata.normalize("NFC", prompt[:400]).lower()):
        longer = f"{words}-{word}" if words else word
        if len(longer.encode()) > LONGEST_WORDS:
            return words or longer.encode()[:LONGEST_WORDS].decode(errors="ignore")  # scripts without spaces
        words = longer
    return words


def picture_files(folder: Path) -> Iterator[Path]:
    """Every PNG below a folder, but for hidden folders and those behind links."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            if name.lower().endswith(".png") and not name.startswith("."):
                yield Path(place, name)


def remove_stale_parts(folder: Path) -> None:
    """Removes what programs that were killed while writing have left behind."""
    for part in folder.rglob(f".*{PART}"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > STALE_SECONDS:
                part.unlink()


def _move(part: Path, path: Path) -> None:
    try:
        os.link(part, path)  # unlike a rename, a link never takes another file's place
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links (FAT, some network drives)
        if path.exists():
            raise FileExistsError(f"{path.name} exists") from None
        part.replace(path)


def _sync_folder(folder: Path) -> None:
    """Makes a new name in a folder survive a power cut, where the system lets folders be opened."""
    if os.name == "posix":
        with suppress(OSError):
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
