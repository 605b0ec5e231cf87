"""The chain of a picture: the pictures that it came about from, each made from the one before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .library.picture import SavedPicture
    from .library.store import Library

LONGEST: Final = 64
"""Pictures that are followed back; what lies before is left alone."""


def chain_of(library: Library, owner: str, picture: SavedPicture) -> list[SavedPicture]:
    """The picture and those it came about from, as far as they are in the library, the first one first.

    Args:
        library: Whose pictures they are.
        owner: The owner's token.
        picture: The last.
    """
    chain = [picture]
    while len(chain) < LONGEST:
        before = library.parent_of(owner, chain[0].id)
        if before is None or before in chain:
            break
        chain.insert(0, before)
    return chain
