"""Where a job comes from: what its pictures' recipes tell besides the request."""

from __future__ import annotations

from typing import NamedTuple


class Origin(NamedTuple):
    """What was done, to which picture, in which style.

    Attributes:
        parent: Id of the picture that the request goes out from; None where it starts from nothing.
        edit: What is done to it, such as ``variation``; None = the request's task.
        style: Id of the style that was laid over the prompt; None for none.
    """

    parent: str | None = None
    edit: str | None = None
    style: str | None = None
