"""Where Reverie keeps and finds things, on a person's machine and on a Space."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .refusal import CannotStart

ROOT: Final = Path(__file__).resolve().parent.parent

DISK: Final = Path("/data")
"""Where a Space has its persistent disk, if its owner rents one."""


def on_space() -> bool:
    """Tells whether this is a Hugging Face Space."""
    return bool(os.environ.get("SPACE_ID"))


def outputs_dir(asked: Path | None) -> Path:
    """Finds the folder that finished pictures are kept in, and makes it.

    Args:
        asked: ``--outputs-dir``; None = the usual place: ``outputs`` beside ``launch.py``, and on a Space its
            persistent disk ``/data`` or, without one, a temporary folder.

    Raises:
        CannotStart: Nothing can be written there.
    """
    reason = ""
    for folder in [asked.expanduser()] if asked else _usual_outputs():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder.resolve()
        except OSError as error:
            reason = reason or f"Pictures cannot be kept in {folder} ({error.strerror})"
    raise CannotStart(f"{reason}; give a folder you may write to with --outputs-dir.")


def _usual_outputs() -> Iterator[Path]:
    if on_space():
        if DISK.is_dir():
            yield DISK / "outputs"
        yield Path(tempfile.gettempdir()) / "reverie-outputs"
    else:
        yield ROOT / "outputs"


def models_dirs(asked: tuple[Path, ...]) -> list[Path]:
    """Finds the folders with models.

    Args:
        asked: Every ``--models-dir``; empty = ``models`` beside ``launch.py``, where there is one.

    Raises:
        CannotStart: One of them is no folder.
    """
    for folder in asked:
        if not folder.expanduser().is_dir():
            raise CannotStart(f"--models-dir {folder} is no folder; give one that holds models.")
    if asked:
        return [folder.expanduser().resolve() for folder in asked]
    return [ROOT / "models"] if (ROOT / "models").is_dir() else []
