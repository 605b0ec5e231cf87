"""What the page's rooms share: the back end, the queue, the library, and whose visit it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .owners import LOCAL_OWNER, owner_in
from .series import AllSeries
from .step_strips import StepStrips

if TYPE_CHECKING:
    from pipelines.models import ModelInfo

    from .backend import Backend
    from .fetching import Fetching
    from .jobs import JobQueue
    from .library.store import Library
    from .own_styles import AllStyles


class NoOwner(Exception):
    """A request to a shared studio without a token; the middleware gives everybody one, so nobody meets this."""


@dataclass(frozen=True)
class Studio:
    """One running studio.

    Attributes:
        manager: Makes the pictures.
        queue: Everybody's jobs.
        library: Everybody's finished pictures.
        shared: Whether others than the people at this machine reach the page.
        styles: What the Style list offers.
        examples: Prompts the starter model does well.
        fetching: Downloads from the Hub; None = there are none.
        problems: What was found wrong at the start, as sentences (a preset file that cannot be used).
        series: Everybody's series of jobs.
        strips: How the pictures made lately looked at their steps.
    """

    manager: Backend
    queue: JobQueue
    library: Library
    shared: bool
    styles: AllStyles
    examples: tuple[str, ...]
    fetching: Fetching | None = None
    problems: tuple[str, ...] = ()
    series: AllSeries = field(init=False)
    strips: StepStrips = field(default_factory=StepStrips)

    def __post_init__(self) -> None:
        object.__setattr__(self, "series", AllSeries(self.queue, self.library.owner_key))  # the way of frozen ones

    @property
    def notices(self) -> tuple[str, ...]:
        """What whoever runs the studio should know by now, as sentences."""
        return (*self.problems, *self.library.notices, *self.queue.notices)

    def owner(self, cookies: Mapping[str, str]) -> str:
        """Whose visit this is.

        Raises:
            NoOwner: The studio is shared and the visitor has no token.
        """
        if not self.shared:
            return LOCAL_OWNER
        owner = owner_in(cookies)
        if owner is None:
            raise NoOwner("The visitor has no owner token; reload the page.")
        return owner

    @property
    def models(self) -> dict[str, ModelInfo]:
        """The models by id, the starter first; one that is added while the studio runs is there, too."""
        return {info.id: info for info in self.manager.models()}

    def model(self, model_id: object) -> ModelInfo:
        """A model by id; the first one where there is none by that id."""
        return self.models.get(str(model_id)) or next(iter(self.models.values()))
