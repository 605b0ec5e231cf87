"""What a series makes: its next request, given what came before."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .library.picture import SavedPicture
from .origin import Origin

if TYPE_CHECKING:
    from pipelines.request import GenerationRequest

Made = Sequence[tuple[SavedPicture, ...]]
"""The pictures of each job of a series that is over, in their order; none for one that was skipped or failed."""


class Plan(ABC):
    """What a series makes.

    Attributes:
        kind: What its pictures' recipes call it: ``grid``, ``loopback`` … lower-case letters and ``_``.
        count: How many jobs it comes to, for "2 of 12".
    """

    kind: str
    count: int

    @abstractmethod
    def next_request(self, made: Made) -> GenerationRequest | None:
        """The next request, or None where there is nothing more to make.

        Args:
            made: What came before; its length is how many jobs there have been.

        Raises:
            ReverieError: It cannot be made; the series ends with that sentence.
        """

    def origin(self, made: Made) -> Origin:  # noqa: ARG002 - for plans whose pictures come from each other
        """Where the next request comes from, its parent and style; ``edit`` is the series' own."""
        return Origin()

    def finish(self, owner: str, made: Made) -> str | None:  # noqa: ARG002 - a hook
        """Does what is left to do when no more jobs come, also after Stop; on the series' own thread.

        Args:
            owner: The owner's token.
            made: All there is.

        Returns:
            A sentence for the owner, or None.

        Raises:
            ReverieError: It could not be done; the series has failed with that sentence.
        """
        return None


class ListPlan(Plan):
    """Requests that are all known from the beginning; one that fails or is skipped does not keep back the others.

    Args:
        kind: As for every plan.
        requests: In their order; at least one.
        style: Id of the style that was laid over the prompts.
    """

    def __init__(self, kind: str, requests: Sequence[GenerationRequest], style: str | None = None) -> None:
        self.kind, self.requests, self.count, self._style = kind, tuple(requests), len(requests), style

    def next_request(self, made: Made) -> GenerationRequest | None:
        """The one whose turn it is."""
        return self.requests[len(made)] if len(made) < self.count else None

    def origin(self, made: Made) -> Origin:  # noqa: ARG002
        """Nothing but the style."""
        return Origin(style=self._style)
