"""An owner's pictures found again: the newest, by words and filters, by id, and by what was made from what."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from PIL import Image

from pipelines.errors import InvalidRequest
from pipelines.images import open_upload

from .catalog import Catalog
from .embed import read_recipe
from .files import is_file
from .index import LATEST, PictureIndex, Row
from .inputs import FIELDS, Inputs
from .keeping import shown
from .owner_hash import OwnerKey, hash_owner
from .picture import SavedPicture
from .recipe import Recipe, RecipeError, digest
from .search import Filters, query_for
from .thumbnails import Thumbnails

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class PicturePage:
    """Some of an owner's pictures, newest first.

    Attributes:
        pictures: At most as many as were asked for.
        after: What the next page is asked for with; None = there are no more.
    """

    pictures: tuple[SavedPicture, ...]
    after: str | None


class Shelf:
    """Pictures in a folder, each seen by its owner only; safe to use from many threads.

    Args:
        folder: Where the pictures are.
        salt: Of the owners' keys.
        catalog: What is in the folder.
        thumbnails: Their small copies.
        inputs: What edits began with.
    """

    def __init__(self, folder: Path, salt: bytes, catalog: Catalog, thumbnails: Thumbnails, inputs: Inputs) -> None:
        self._folder, self._salt, self._catalog, self._thumbnails = folder, salt, catalog, thumbnails
        self._inputs = inputs

    def owner_key(self, owner: str) -> OwnerKey:
        """What may be written down of an owner's token; every method that takes a token takes this instead."""
        return hash_owner(owner, self._salt)

    def newest(self, owner: str, count: int, before: str | None = None) -> tuple[SavedPicture, ...]:
        """The owner's pictures, newest first.

        Args:
            owner: The owner's token.
            count: Most pictures to return.
            before: Id of the last picture already seen, to go on after it.
        """
        number: int | None = LATEST
        if before is not None:
            last = self._row(before)
            number = (
                self._ask(lambda index: index.number(before)) if last and last.owner == self.owner_key(owner) else None
            )
        return () if number is None else self._page(owner, Filters(), count, number)[0]

    def find(
        self, owner: str, filters: Filters | None = None, *, count: int = 36, after: str | None = None
    ) -> PicturePage:
        """The owner's pictures that agree with the filters, newest first; quick also at 50 000 pictures.

        Args:
            owner: The owner's token.
            filters: What is looked for; None = everything.
            count: Most pictures to return.
            after: The last page's ``after``; None = from the newest.
        """
        if after is not None and not (after.isascii() and after.isdigit() and len(after) < 19):
            return PicturePage((), None)
        pictures, last = self._page(owner, filters or Filters(), count, int(after) if after else LATEST)
        return PicturePage(pictures, None if last is None else str(last))

    def facets(self, owner: str) -> dict[str, dict[str, int]]:
        """What there is to filter by: how many of the owner's pictures each ``model`` and each ``style`` has, by id."""
        mine = self.owner_key(owner)
        models = self._ask(partial(PictureIndex.facets, owner=mine, column="model"))
        return {"model": models, "style": self._ask(partial(PictureIndex.facets, owner=mine, column="style"))}

    def get(self, owner: str, picture_id: str, *, trashed: bool = False) -> SavedPicture | None:
        """The owner's picture by that id; None where there is none, or its file is gone.

        Args:
            owner: The owner's token.
            picture_id: Which.
            trashed: Whether one that lies in the trash counts, too.
        """
        row = self._row(picture_id)
        mine = row is not None and row.owner == self.owner_key(owner) and (trashed or not row.trashed)
        return self._present(row) if row and mine else None

    def recipe(self, owner: str, picture_id: str) -> Recipe | None:
        """The whole recipe of the owner's picture, from its file; None as for :meth:`get`."""
        picture = self.get(owner, picture_id)
        try:
            return read_recipe(picture.path) if picture and picture.path else None
        except RecipeError:
            return None

    def inputs(self, owner: str, picture_id: str) -> dict[str, Image.Image]:
        """What the owner's picture began with, by request field (``image``, ``mask_image``), as far as it is kept.

        Nothing is handed out but what a picture of the owner's own names; each has the very pixels its recipe tells.
        """
        row = self._row(picture_id)
        if row is None or row.owner != self.owner_key(owner):
            return {}
        source, mask = self._inputs.get(row.source), self._inputs.get(row.mask)
        source = source or self._among_parents(owner, row.parent, row.source)
        return {name: image for name, image in zip(FIELDS, (source, mask), strict=True) if image is not None}

    def _among_parents(self, owner: str, parent: str, source: str) -> Image.Image | None:
        """The pixels that a picture began with, where its parent has them, or began with them, too."""
        mine, seen = self.owner_key(owner), set[str]()
        while source and parent and parent not in seen:
            seen.add(parent)
            before = self._row(parent)
            if before is None or before.owner != mine:
                return None
            with suppress(InvalidRequest):  # its file is gone, or damaged
                image = open_upload(self._folder / before.path).image
                if digest(image) == source:
                    return image
            parent = before.parent if before.source == source else ""
        return None

    def source_of(self, owner: str, picture_id: str) -> SavedPicture | None:
        """The picture that the owner's picture began with, past branches, which begin with their parent's."""
        picture, row = self.parent_of(owner, picture_id), self._row(picture_id)
        while picture is not None and row is not None and row.source:
            before = self._row(picture.id)
            if before is None or before.source != row.source:
                return picture
            picture = self.parent_of(owner, picture.id)
        return picture

    def parent_of(self, owner: str, picture_id: str) -> SavedPicture | None:
        """The picture that the owner's picture was made from; None where there is none any more."""
        picture = self.get(owner, picture_id)
        return self.get(owner, picture.parent) if picture and picture.parent else None

    def children_of(self, owner: str, picture_id: str) -> tuple[SavedPicture, ...]:
        """The owner's pictures that were made from this one, the oldest first; ``edit`` says how."""
        rows = self._ask(partial(PictureIndex.children, owner=self.owner_key(owner), parent=picture_id))
        return tuple(picture for row in rows if (picture := self._present(row)))

    def thumbnail(self, picture_id: str) -> bytes | None:
        """A JPEG at most 320 pixels wide and high, kept on disk; None where there is no such picture.

        Anybody's: whoever serves it asks :meth:`get` first whether it is the visitor's.
        """
        row = self._row(picture_id)
        picture = self._present(row) if row else None
        return self._thumbnails.get(picture.id, picture.path) if picture and picture.path else None

    def _page(
        self, owner: str, filters: Filters, count: int, before: int
    ) -> tuple[tuple[SavedPicture, ...], int | None]:
        """Pictures whose files are there, and the number to go on from; None where there are no more."""
        query = query_for(self.owner_key(owner), filters)
        found: list[tuple[int, SavedPicture]] = []
        while len(found) <= count:
            rows = self._ask(partial(PictureIndex.page, query=query, count=count + 1, before=before))
            found += [(number, picture) for number, row in rows if (picture := self._present(row))]
            if len(rows) <= count:
                break
            before = rows[-1][0]
        more = len(found) > count
        return tuple(picture for _, picture in found[:count]), found[count - 1][0] if more and count > 0 else None

    def _ask(self, question: Callable[[PictureIndex], Answer]) -> Answer:
        return self._catalog.ask(question)

    def _row(self, picture_id: str) -> Row | None:
        return self._catalog.ask(lambda index: index.get(picture_id))

    def _present(self, row: Row) -> SavedPicture | None:
        path = self._folder / row.path
        return shown(row, path) if is_file(path) else None
