"""The library: every finished picture kept as a file and found again by its owner."""

from __future__ import annotations

import errno
import io
import logging
import secrets
import sqlite3
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Final

from PIL import Image

from pipelines.events import ImageFinished
from pipelines.request import GenerationRequest

from .catalog import EPOCH, Catalog, row_for, set_aside
from .embed import Stamp, encode_png, read_recipe
from .files import picture_path, remove_stale_parts, write_new
from .index import PictureIndex, Row
from .infotext import write_infotext
from .owner_hash import OwnerKey, hash_owner, load_salt
from .picture import SavedPicture
from .recipe import ModelLike, Recipe, RecipeError, write_recipe

log = logging.getLogger(__name__)

THUMBNAIL_SIDE: Final = 320


class Library:
    """Finished pictures in one folder, each seen by its owner only; safe to use from many threads.

    ::

        <folder>/2026-01-31/142507-7-a-red-circle.png     the picture, its recipe inside
        <folder>/.owner-salt                              without it nobody's pictures are found again
        <folder>/.library/                                index and thumbnails; made anew where missing

    Opening never fails: what cannot be read is set aside, what cannot be written is kept in memory, and
    :attr:`notices` says so.

    Args:
        folder: Where pictures go; made where it is missing.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder).expanduser().absolute()
        self._hidden = self._folder / ".library"
        self._notices: list[str] = []
        with suppress(OSError):
            self._hidden.mkdir(parents=True, exist_ok=True)
            remove_stale_parts(self._folder)
        self._salt = self._load_salt()
        self._catalog = Catalog(self._folder, self._hidden / "index.sqlite3", self._notices.append)

    @property
    def folder(self) -> Path:
        """Where the pictures are."""
        return self._folder

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences for whoever runs the studio: what was found damaged, and what became of it."""
        return tuple(self._notices)

    def owner_key(self, owner: str) -> OwnerKey:
        """What may be written down of an owner's token; every method that takes a token takes this instead."""
        return hash_owner(owner, self._salt)

    def close(self) -> None:
        """Closes the index; the library is not used afterwards."""
        self._catalog.close()

    def keep(
        self,
        owner: str,
        request: GenerationRequest,
        event: ImageFinished,
        *,
        model: ModelLike | None = None,
        parent: str | None = None,
        picture_id: str | None = None,
    ) -> SavedPicture:
        """Stores a finished picture: the file first, on the disk and whole, then its row in the index.

        A disk that is full or cannot be written is no error: the picture comes back with ``path`` None, its
        PNG in ``image`` and a sentence in ``notice``.

        Args:
            owner: The owner's token; only a salted hash of it is stored.
            request: What was asked for.
            event: The finished picture.
            model: The model that made it.
            parent: Id of the picture it was made from.
            picture_id: 32 hexadecimal digits that no other picture has; None = random ones.
        """
        recipe = write_recipe(request, event, model=model, parent=parent)
        infotext = write_infotext(recipe)
        stamp = Stamp(
            id=picture_id or secrets.token_hex(16),
            owner=hash_owner(owner, self._salt),
            created=datetime.now(timezone.utc),
            recipe=recipe,
        )
        png = encode_png(event.image, infotext=infotext, stamp=stamp)
        row = row_for(stamp, "", infotext)
        try:
            path = self._write(row, png)
        except OSError as error:
            log.warning("A picture could not be saved: %s", error)
            return _picture(row, None, image=png, notice=_why_unsaved(error))
        row = row._replace(path=path.relative_to(self._folder).as_posix())
        try:
            self._catalog.ask(lambda index: index.add([row]))
        except sqlite3.Error as error:
            log.warning("A picture was saved but could not be indexed: %s", error)
            return _picture(row, path, notice=f"{path.name} is saved, but is only listed once the studio restarts.")
        return _picture(row, path)

    def newest(self, owner: str, count: int, before: str | None = None) -> tuple[SavedPicture, ...]:
        """The owner's pictures, newest first.

        Args:
            owner: The owner's token.
            count: Most pictures to return.
            before: Id of the last picture already seen, to go on after it.
        """
        mine = hash_owner(owner, self._salt)
        last = self._row(before) if before is not None else None
        if before is not None and (last is None or last.owner != mine):
            return ()
        found: list[SavedPicture] = []
        while len(found) < count:
            rows = self._catalog.ask(partial(PictureIndex.newest, owner=mine, count=count, before=last))
            found += [picture for row in rows if (picture := self._present(row))]
            if len(rows) < count:
                break
            last = rows[-1]
        return tuple(found[:count])

    def get(self, owner: str, picture_id: str) -> SavedPicture | None:
        """The owner's picture by that id; None where there is none, or its file is gone."""
        row = self._row(picture_id)
        return self._present(row) if row and row.owner == hash_owner(owner, self._salt) else None

    def recipe(self, owner: str, picture_id: str) -> Recipe | None:
        """The whole recipe of the owner's picture, from its file; None as for :meth:`get`."""
        picture = self.get(owner, picture_id)
        try:
            return read_recipe(picture.path) if picture and picture.path else None
        except RecipeError:
            return None

    def thumbnail(self, picture_id: str) -> bytes | None:
        """A JPEG at most 320 pixels wide and high, kept on disk; None where there is no such picture.

        Anybody's: whoever serves it asks :meth:`get` first whether it is the visitor's.
        """
        row = self._row(picture_id)
        picture = self._present(row) if row else None
        if picture is None or picture.path is None:
            return None
        kept = self._hidden / "thumbnails" / picture.id[:2] / f"{picture.id}.jpg"
        with suppress(OSError):
            return kept.read_bytes()
        try:
            jpeg = _small_jpeg(picture.path)
        except (OSError, SyntaxError, ValueError):
            return None
        with suppress(OSError):  # a thumbnail that cannot be kept is made again next time
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_new(kept, jpeg)
        return jpeg

    # ---- files

    def _write(self, row: Row, png: bytes) -> Path:
        local = (EPOCH + timedelta(microseconds=row.created)).astimezone()
        for copy in range(1, 10_000):
            path = picture_path(self._folder, local, row.seed, row.prompt, copy)
            path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                write_new(path, png)
                return path
        raise FileExistsError(errno.EEXIST, "every name for the picture is taken")

    def _row(self, picture_id: str) -> Row | None:
        return self._catalog.ask(lambda index: index.get(picture_id))

    def _present(self, row: Row) -> SavedPicture | None:
        path = self._folder / row.path
        return _picture(row, path) if path.is_file() else None

    def _load_salt(self) -> bytes:
        path = self._folder / ".owner-salt"
        try:
            return load_salt(path)
        except ValueError:
            set_aside(path, "The key that tells whose pictures are whose was damaged", self._notices.append)
            with suppress(OSError, ValueError):
                return load_salt(path)
        except OSError as error:
            self._notices.append(
                f"The outputs folder cannot be written ({error.strerror or error}); pictures are not saved."
            )
        return secrets.token_bytes(32)


def _picture(row: Row, path: Path | None, image: bytes | None = None, notice: str | None = None) -> SavedPicture:
    created = EPOCH + timedelta(microseconds=row.created)
    told = row._asdict() | {"path": path, "created": created}
    return SavedPicture(**told, image=image, notice=notice)


def _small_jpeg(path: Path) -> bytes:
    with Image.open(path, formats=("PNG",)) as image:
        small = image.convert("RGB")
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    small.info.clear()
    jpeg = io.BytesIO()
    small.save(jpeg, "JPEG", quality=85)
    return jpeg.getvalue()


def _why_unsaved(error: OSError) -> str:
    reasons = {
        errno.ENOSPC: "The disk is full",
        errno.EDQUOT: "Your share of the disk is used up",
        errno.EACCES: "The outputs folder cannot be written to",
        errno.EPERM: "The outputs folder cannot be written to",
        errno.EROFS: "The outputs folder can only be read",
    }
    reason = reasons.get(error.errno or 0, f"The outputs folder gave an error ({error.strerror or 'unknown'})")
    return f"{reason}, so this picture is not saved; download it before you leave the page."
