"""Files that are whole or not there."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from .formats import ENDINGS

PART: Final = ".part"
"""How a file that is still being written ends."""

STALE_SECONDS: Final = 60.0
"""A part this old belongs to a program that is gone: writing one takes far less."""


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
        _link(part, path)
        sync_folder(path.parent)
    finally:
        with suppress(OSError):
            part.unlink()


def picture_files(folder: Path, failed: Callable[[OSError], None] | None = None) -> Iterator[Path]:
    """Every picture below a folder, but for hidden folders and those behind links.

    Args:
        folder: Where to look.
        failed: Told of a folder that could not be looked into, so that its pictures are not taken for gone.
    """
    endings = tuple(ENDINGS)
    for place, folders, names in os.walk(folder, onerror=failed):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            if name.lower().endswith(endings) and not name.startswith("."):
                yield Path(place, name)


def is_file(path: Path) -> bool:
    """Whether there is such a file; one that cannot be looked at is none, where ``Path.is_file`` raises."""
    try:
        return path.is_file()
    except OSError:
        return False


def has_gone(path: Path) -> bool:
    """Whether there certainly is no such file; one that cannot be looked at may still be there."""
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def is_folder(path: Path) -> bool:
    """Whether there is such a folder, and no link to one; one that cannot be looked at is none."""
    try:
        return path.is_dir() and not path.is_symlink()
    except OSError:
        return False


def remove_stale_parts(folder: Path) -> None:
    """Removes what programs that were killed while writing have left behind."""
    for part in folder.rglob(f".*{PART}"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > STALE_SECONDS:
                part.unlink()


def move_new(source: Path, path: Path) -> None:
    """Moves a file, never over another one; a crash in between leaves it in both places, and never in none.

    Raises:
        FileExistsError: There is such a file already.
        OSError: It cannot be moved; it is where it was.
    """
    _link(source, path)
    with suppress(FileNotFoundError):
        source.unlink()


def _link(part: Path, path: Path) -> None:
    try:
        os.link(part, path)  # unlike a rename, a link never takes another file's place
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links (FAT, some network drives)
        if path.exists():
            raise FileExistsError(f"{path.name} exists") from None
        part.replace(path)


def sync_folder(folder: Path) -> None:
    """Makes a new name in a folder survive a power cut, where the system lets folders be opened."""
    if os.name == "posix":
        with suppress(OSError):
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
