"""The library: every finished picture kept as a file and found again by its owner."""

from __future__ import annotations

import errno
import logging
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Final

from PIL import Image

from pipelines.events import ImageFinished
from pipelines.hashes import WeightsHashes
from pipelines.request import GenerationRequest

from .catalog import Catalog, set_aside
from .embed import Stamp
from .export import as_zip, to_give_out
from .files import remove_stale_parts
from .formats import Metadata, Saving
from .index import PictureIndex, Row
from .inputs import FIELDS, Inputs
from .keeping import Keeper, shown, why
from .marks import Stars
from .owner_hash import load_salt
from .picture import SavedPicture
from .recipe import ModelLike, Recipe
from .shelf import Shelf
from .thumbnails import Thumbnails
from .trash import KEPT_DAYS
from .trashing import Outcome, Trashing, each_once

log = logging.getLogger(__name__)

LOST: Final = "what this picture began with is not kept; it cannot be proven or replayed later."


class Library(Shelf):
    """Finished pictures in one folder, each seen by its owner only; safe to use from many threads.

    ::

        <folder>/2026-01-31/142507-7-a-red-circle.png     the picture, its recipe inside
        <folder>/.owner-salt                              without it nobody's pictures are found again
        <folder>/.stars/<id>                              an empty file for each starred picture
        <folder>/.trash/2026-02-01/<id>/…                 deleted pictures, by the day they were deleted
        <folder>/.inputs/…                                uploaded sources and masks that pictures were made from
        <folder>/.library/                                index and thumbnails; made anew where missing

    Opening never fails: what cannot be read is set aside, what cannot be written is kept in memory, and
    :attr:`notices` says so.

    Args:
        folder: Where pictures go; made where it is missing.
        saving: How new pictures are written; None = as PNG under the usual names.
    """

    def __init__(self, folder: str | Path, saving: Saving | None = None) -> None:
        self._folder = Path(folder).expanduser().absolute()
        hidden = self._folder / ".library"
        self._notices: list[str] = []
        self._salt_missing: OSError | None = None
        with suppress(OSError):
            hidden.mkdir(parents=True, exist_ok=True)
            remove_stale_parts(self._folder)
        salt = self._load_salt()
        catalog = Catalog(self._folder, hidden / "index.sqlite3", self._notices.append)
        super().__init__(self._folder, salt, catalog, Thumbnails(hidden / "thumbnails"), Inputs(self._folder))
        self._stars = Stars(self._folder)
        self._keeper = Keeper(self._folder, saving or Saving(), WeightsHashes(hidden / "weights.json"))
        self._trashing = Trashing(self._folder, self._catalog, self._stars, self._thumbnails, self._inputs)
        self.empty_old_trash()
        with suppress(sqlite3.Error):
            self._trashing.sweep()

    @property
    def folder(self) -> Path:
        """Where the pictures are."""
        return self._folder

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences for whoever runs the studio: what was found damaged, and what became of it."""
        return tuple(self._notices)

    @property
    def weights(self) -> WeightsHashes:
        """The hashes of models' weights, as recipes have them."""
        return self._keeper.weights

    def close(self) -> None:
        """Closes the index; the library is not used afterwards."""
        self._catalog.close()

    # ---- keeping

    def keep(
        self,
        owner: str,
        request: GenerationRequest,
        event: ImageFinished,
        *,
        model: ModelLike | None = None,
        parent: str | None = None,
        edit: str | None = None,
        style: str | None = None,
        machine: Mapping[str, str] | None = None,
        picture_id: str | None = None,
        saving: Saving | None = None,
        notes: Mapping[str, str] | None = None,
    ) -> SavedPicture:
        """Stores a finished picture: the file first, on the disk and whole, then its row in the index.

        What it began with is kept, too, unless the picture it was made from has it. A disk that is full or cannot be
        written is no error: the picture comes back with ``path`` None, its PNG in ``image`` and a sentence in
        ``notice``; a source or mask that could not be kept is told in ``notice`` alone.

        Args:
            owner: The owner's token; only a salted hash of it is stored.
            request: What was asked for.
            event: The finished picture.
            model: The model that made it; the hash of its weights is computed the first time.
            parent: Id of the picture it was made from.
            edit: What was done to the parent, such as ``variation``; None = the request's task.
            style: Id of the style that was laid over the prompt.
            machine: ``device`` and ``precision``, as far as the back end tells.
            picture_id: 32 hexadecimal digits that no other picture has; None = random ones.
            saving: How it is written; None = as the library was told.
            notes: What else its infotext tells, by A1111's keys.
        """
        self._find_salt_again()
        if self._tidied != datetime.now(timezone.utc).date():
            self.empty_old_trash()
        recipe = self._keeper.recipe(
            request, event, model=model, parent=parent, edit=edit, style=style, machine=machine, notes=notes
        )
        number = picture_id or secrets.token_hex(16)
        stamp = Stamp(id=number, owner=self.owner_key(owner), created=datetime.now(timezone.utc), recipe=recipe)
        write = partial(
            self._keeper.write, stamp, event.image, request.num_images_per_prompt, saving, refused=self._salt_missing
        )
        given = self._given(owner, request, recipe)
        with self._inputs.making(given):
            new, failed = self._inputs.keep(given) if self._salt_missing is None else ([], None)
            saved, row = write()
            if row is None and new:  # the picture itself comes first, where there is no room for both
                self._inputs.forget(new, self._catalog.names, own=1)
                saved, row = write()
                failed = failed or OSError(errno.ENOSPC, "no room for both")
            return saved if row is None else self._listed(row, saved, failed)

    def _given(self, owner: str, request: GenerationRequest, recipe: Recipe) -> dict[str, Image.Image]:
        """What a picture began with, by digest, without what the pictures it comes from have anyway."""
        given = {str(recipe.request[name]): getattr(request, name) for name in FIELDS if hasattr(request, name)}
        source = str(recipe.request.get("image"))
        with suppress(sqlite3.Error):
            if source in given and self._among_parents(owner, recipe.parent or "", source) is not None:
                del given[source]
        return given

    def _listed(self, row: Row, saved: SavedPicture, failed: OSError | None) -> SavedPicture:
        """Puts a picture that is on the disk into the index."""
        if failed is not None:
            saved = replace(saved, notice=f"{why(failed)}, so {LOST}")
        try:
            self._catalog.ask(lambda index: index.add([row]))
        except sqlite3.Error as error:
            log.warning("A picture was saved but could not be indexed: %s", error)
            name = saved.path.name if saved.path else "The picture"
            return shown(row, saved.path, notice=f"{name} is saved, but is only listed once the studio restarts.")
        return saved

    # ---- marking, deleting, giving out

    def star(self, owner: str, picture_ids: Iterable[str], *, starred: bool = True) -> Outcome:
        """Gives the owner's pictures a star, or takes it away; survives the loss of the index."""
        return self._trashing.star(self.owner_key(owner), picture_ids, starred=starred)

    def delete(self, owner: str, picture_ids: Iterable[str]) -> Outcome:
        """Moves the owner's pictures to the trash, from where :meth:`restore` brings them back for 30 days."""
        return self._trashing.delete(self.owner_key(owner), picture_ids)

    def restore(self, owner: str, picture_ids: Iterable[str]) -> Outcome:
        """Brings the owner's pictures back from the trash, with stars and all."""
        return self._trashing.restore(self.owner_key(owner), picture_ids)

    def trash(self, owner: str, count: int = 100, skip: int = 0) -> tuple[SavedPicture, ...]:
        """The owner's deleted pictures, the last deleted first."""
        rows = self._ask(partial(PictureIndex.trash, owner=self.owner_key(owner), count=count, after=skip))
        return tuple(picture for row in rows if (picture := self._present(row)))

    def empty_trash(self, owner: str, picture_ids: Iterable[str] | None = None) -> Outcome:
        """Removes the owner's deleted pictures for good: some, or where none are named all."""
        return self._trashing.empty(self.owner_key(owner), picture_ids)

    def empty_old_trash(self, days: int = KEPT_DAYS) -> int:
        """Removes for good whatever was deleted more than so many days ago, and says how many pictures that was.

        Opening a library does it, and so does the first picture of each day in a studio that runs for weeks.
        """
        self._tidied = datetime.now(timezone.utc).date()
        return self._trashing.empty_old(self._tidied, days)

    def export(
        self,
        owner: str,
        picture_ids: Iterable[str],
        *,
        metadata: Metadata = "all",
        saving: Saving | None = None,
        unsaved: Callable[[str], SavedPicture | None] = lambda _id: None,
    ) -> Iterator[bytes]:
        """The owner's pictures as a ZIP, piece by piece; those of others, and those gone, are left out.

        Args:
            owner: The owner's token.
            picture_ids: Which, in the order of the ZIP.
            metadata: What the copies carry: ``all``, ``no_prompt`` or ``nothing``.
            saving: Which kind of file they become; None = each as it is kept.
            unsaved: Finds the owner's picture that is not in the library by its id.
        """
        found = (self.get(owner, each) or unsaved(each) for each in each_once(picture_ids))
        return as_zip((picture for picture in found if picture), metadata=metadata, saving=saving)

    def copy(
        self, owner: str, picture_id: str, *, metadata: Metadata = "all", saving: Saving | None = None
    ) -> tuple[bytes, str] | None:
        """One of the owner's pictures to give out, and its file's name; None as for :meth:`get`."""
        picture = self.get(owner, picture_id)
        if picture is None or picture.path is None:
            return None
        return to_give_out(picture, metadata=metadata, saving=saving)

    def _load_salt(self) -> bytes:
        path = self._folder / ".owner-salt"
        try:
            return load_salt(path)
        except ValueError:
            set_aside(path, "The key that tells whose pictures are whose was damaged", self._notices.append)
            with suppress(OSError, ValueError):
                return load_salt(path)
        except OSError as error:
            self._salt_missing = error
            self._notices.append(
                f"The outputs folder cannot be written ({error.strerror or error}); pictures are not saved."
            )
        return secrets.token_bytes(32)

    def _find_salt_again(self) -> None:
        """Tries again where it could not be read: a picture kept under another salt would never be found again."""
        if self._salt_missing is not None:
            with suppress(OSError, ValueError):
                self._salt = load_salt(self._folder / ".owner-salt")
                self._salt_missing = None
