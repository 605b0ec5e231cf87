"""A finished picture as the rest of the program sees it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from pipelines.events import ImageFinished
from pipelines.request import GenerationRequest

from .embed import encode_png
from .formats import media_type


@dataclass(frozen=True, slots=True)
class SavedPicture:
    """A finished picture, on disk wherever that was possible.

    Attributes:
        id: 32 hexadecimal digits, the same in the file and in the index.
        path: The file; None when it could not be written.
        owner: A salted hash of the owner; the owner's token itself is never stored.
        created: When it was finished, in UTC.
        width: Pixels.
        height: Pixels.
        seed: The seed that makes this picture alone.
        prompt: What was asked for.
        infotext: A1111's ``parameters`` text.
        task: ``text_to_image``, ``image_to_image`` or ``inpaint``.
        model: Id of the model; empty where nobody said.
        style: Id of the style laid over the prompt; empty for none.
        parent: Id of the picture it was made from; empty for none.
        edit: What was done to the parent; empty for nothing.
        starred: Whether its owner gave it a star.
        trashed: When it was deleted, in UTC; None = it was not.
        image: The encoded picture where ``path`` is None, so that it can still be downloaded; else None.
        notice: One sentence for the owner when something about saving went wrong, else None.
    """

    id: str
    path: Path | None
    owner: str = field(repr=False)
    created: datetime
    width: int
    height: int
    seed: int
    prompt: str = field(repr=False)
    infotext: str = field(repr=False)
    task: str = "text_to_image"
    model: str = ""
    style: str = field(default="", repr=False)
    parent: str = ""
    edit: str = ""
    starred: bool = False
    trashed: datetime | None = None
    image: bytes | None = field(default=None, repr=False)
    notice: str | None = None

    @property
    def media_type(self) -> str:
        """What HTTP calls its kind of file; one that could not be written is always a PNG."""
        return media_type(self.path) if self.path is not None else "image/png"


def unsaved_picture(request: GenerationRequest, event: ImageFinished, *, notice: str) -> SavedPicture:
    """Delivers a picture that no library could take: as PNG in memory, without a recipe.

    Args:
        request: What was asked for.
        event: The finished picture.
        notice: Why it was not saved.
    """
    return SavedPicture(
        id=secrets.token_hex(16),
        path=None,
        owner="",
        created=datetime.now(timezone.utc),
        width=event.image.width,
        height=event.image.height,
        seed=event.seed,
        prompt=request.prompt,
        infotext="",
        task=request.task,
        model=request.model or "",
        image=encode_png(event.image),
        notice=notice,
    )
