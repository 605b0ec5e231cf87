"""The trash: deleted pictures stay whole files, in a folder whose name says when they were deleted.

::

    <folder>/.trash/2026-02-01/<id>/2026-01-31/142507-7-a-red-circle.png

One rename puts a picture there and one brings it back, so that it is always in one of both places, whatever is killed,
and nothing but the files themselves has to survive for either to be known.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Final, NamedTuple

from .files import is_folder, move_new, picture_files, sync_folder

KEPT_DAYS: Final = 30
"""Days that a deleted picture can be brought back."""

NAME: Final = ".trash"

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_ID: Final = re.compile(r"[0-9a-f]{32}")


class Trashed(NamedTuple):
    """A picture in the trash: its file, when it was deleted (UTC, to the day), and its id."""

    path: Path
    day: date
    id: str


class Trash:
    """Deleted pictures of a library's folder.

    Args:
        folder: The library's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._trash = folder / NAME

    def put(self, path: Path, picture_id: str, when: datetime) -> Path:
        """Moves a picture into the trash and gives its new place.

        Raises:
            OSError: It cannot be moved; it is where it was.
        """
        place = self._trash / f"{when.astimezone(timezone.utc):%Y-%m-%d}" / picture_id / path.relative_to(self._folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        path.rename(place)  # nothing can be there: the folder is this picture's own
        sync_folder(place.parent)
        sync_folder(path.parent)
        return place

    def take(self, path: Path) -> Path:
        """Moves a picture back to where it was, or beside it where its name is taken; gives its place.

        Raises:
            OSError: It cannot be moved; it is still in the trash.
        """
        day, picture_id, *parts = path.relative_to(self._trash).parts
        home = self._folder.joinpath(*parts)
        home.parent.mkdir(parents=True, exist_ok=True)
        for copy in range(1, 10_000):
            place = home if copy == 1 else home.with_name(f"{home.stem}-{copy}{home.suffix}")
            with suppress(FileExistsError):
                move_new(path, place)
                sync_folder(place.parent)
                break
        self._tidy(self._trash / day / picture_id)
        return place

    def files(self) -> Iterator[Trashed]:
        """Every picture in the trash; whatever else lies there is left alone."""
        for day, folder in self._days():
            for own in _listed(folder):
                if _ID.fullmatch(own.name) and is_folder(own):
                    yield from (Trashed(path, day, own.name) for path in picture_files(own))

    def expired(self, today: date, days: int = KEPT_DAYS) -> list[Trashed]:
        """The pictures that were deleted more than so many days ago."""
        return [each for each in self.files() if each.day < today - timedelta(days=days)]

    def remove(self, path: Path) -> None:
        """Removes a picture for good.

        Raises:
            OSError: It cannot be removed.
        """
        with suppress(FileNotFoundError):
            path.unlink()
        day, picture_id, *_ = path.relative_to(self._trash).parts
        self._tidy(self._trash / day / picture_id)

    def _days(self) -> Iterator[tuple[date, Path]]:
        for folder in _listed(self._trash):
            with suppress(ValueError):
                if _DAY.fullmatch(folder.name) and is_folder(folder):
                    yield date.fromisoformat(folder.name), folder

    def _tidy(self, own: Path) -> None:
        """Removes a picture's folder once no picture is in it, and the day's once it is empty."""
        if not any(picture_files(own)):
            shutil.rmtree(own, ignore_errors=True)
        with suppress(OSError):
            own.parent.rmdir()


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
