"""One of an owner's pictures, wherever it is: in the library, or held by the job that made it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .library.picture import SavedPicture
    from .studio import Studio

GONE: Final = "That picture is no longer there; its file was moved or deleted."


def find_picture(studio: Studio, owner: str, picture_id: str, *, trashed: bool = False) -> SavedPicture | None:
    """One of an owner's pictures: from the library, or, where the disk did not take it, from the job that made it.

    Args:
        studio: Whose library and queue are asked.
        owner: The owner's token.
        picture_id: Which.
        trashed: Whether a deleted one counts, too.
    """
    kept: SavedPicture | None = studio.library.get(owner, picture_id, trashed=trashed)
    if kept is not None:
        return kept
    finished = (picture.saved for job in studio.queue.jobs(owner) for picture in job.view().pictures)
    unsaved = (saved for saved in finished if saved is not None and saved.image is not None)
    return next((saved for saved in unsaved if saved.id == picture_id), None)
