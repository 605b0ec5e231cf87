"""A finished picture on its way to the disk: its recipe written down, its file made under a name of its own."""

from __future__ import annotations

import errno
import logging
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from PIL import Image

from pipelines.events import ImageFinished
from pipelines.hashes import WeightsHashes
from pipelines.request import GenerationRequest

from .catalog import row_for
from .embed import Stamp, encode_picture
from .files import write_new
from .formats import Saving
from .index import Row
from .infotext import write_infotext
from .names import Facts, name_for
from .picture import SavedPicture
from .recipe import ModelLike, Recipe, digest, write_recipe
from .search import EPOCH

log = logging.getLogger(__name__)


class Keeper:
    """Writes pictures below a folder, whole or not at all, and never over another.

    Args:
        folder: The library's.
        saving: How, where nothing else is asked for.
        weights: Knows the hashes of models' weights.
    """

    def __init__(self, folder: Path, saving: Saving, weights: WeightsHashes) -> None:
        self._folder, self._saving, self.weights = folder, saving, weights

    def recipe(
        self,
        request: GenerationRequest,
        event: ImageFinished,
        *,
        model: ModelLike | None,
        parent: str | None,
        edit: str | None,
        style: str | None,
        machine: Mapping[str, str] | None,
        notes: Mapping[str, str] | None = None,
    ) -> Recipe:
        """Writes down what made a picture, the hash of the weights included."""
        place = getattr(model, "place", None)
        known = self.weights.of(place) if isinstance(place, Path) else None
        return write_recipe(
            request,
            event,
            model=model,
            parent=parent,
            edit=edit,
            style=style,
            machine=machine,
            weights=known,
            notes=notes,
        )

    def write(
        self,
        stamp: Stamp,
        image: Image.Image,
        count: int,
        saving: Saving | None = None,
        *,
        refused: OSError | None = None,
    ) -> tuple[SavedPicture, Row | None]:
        """Writes a picture's file, and gives its row for the index; without a row it could not be written.

        Args:
            stamp: What goes into the file.
            image: The pixels.
            count: How many pictures its request makes, for the name.
            saving: How; None = as usual.
            refused: Why it is not to be tried at all.
        """
        saving = saving or self._saving
        infotext = write_infotext(stamp.recipe)
        row = row_for(stamp, "", infotext)
        data = encode_picture(image, saving, infotext=infotext, stamp=stamp)
        created = stamp.created.astimezone()
        pixels = digest(image).removeprefix("sha256:") if "[image_hash]" in saving.pattern else ""
        facts = Facts(stamp.recipe, created, pixels, count)
        try:
            if refused is not None:
                raise refused
            path = self._write(data, saving, facts)
        except OSError as error:
            log.warning("A picture could not be saved: %s", error)
            if saving.format != "png":
                data = encode_picture(image, infotext=infotext, stamp=stamp)
            return shown(row, None, image=data, notice=_why_unsaved(error)), None
        row = row._replace(path=path.relative_to(self._folder).as_posix())
        return shown(row, path), row

    def _write(self, data: bytes, saving: Saving, facts: Facts) -> Path:
        for copy in range(1, 10_000):
            name = name_for(saving.pattern, facts, copy)
            path = self._folder / f"{name}{saving.ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                write_new(path, data)
            except FileExistsError:
                continue
            return path
        raise FileExistsError(errno.EEXIST, "every name for the picture is taken")


def shown(row: Row, path: Path | None, image: bytes | None = None, notice: str | None = None) -> SavedPicture:
    """A row of the index as the rest of the program sees it.

    Args:
        row: What the index holds.
        path: Its file, where it has one.
        image: The encoded picture where it has none.
        notice: What its owner should know.
    """
    known = {name: value for name, value in row._asdict().items() if name not in ("source", "mask")}
    told = known | {
        "path": path,
        "created": EPOCH + timedelta(microseconds=row.created),
        "starred": bool(row.starred),
        "trashed": EPOCH + timedelta(microseconds=row.trashed) if row.trashed else None,
    }
    return SavedPicture(**told, image=image, notice=notice)


def _why_unsaved(error: OSError) -> str:
    return f"{why(error)}, so this picture is not saved; download it before you leave the page."


def why(error: OSError) -> str:
    """How a sentence about a disk that fails begins."""
    reasons = {
        errno.ENOSPC: "The disk is full",
        errno.EDQUOT: "Your share of the disk is used up",
        errno.EACCES: "The outputs folder cannot be written to",
        errno.EPERM: "The outputs folder cannot be written to",
        errno.EROFS: "The outputs folder can only be read",
    }
    return reasons.get(error.errno or 0, f"The outputs folder gave an error ({error.strerror or 'unknown'})")
