"""Models on their way from the Hub, asked for on the Models tab: one thread each, how far it is, and a way to stop."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pipelines.errors import Cancelled, ReverieError

if TYPE_CHECKING:
    from pipelines.models import Catalogue

MOST_AT_ONCE: Final = 3


@dataclass
class Fetch:
    """One download.

    Attributes:
        done: How much of it has arrived, 0 … 1.
        error: The sentence it ended with; None = it is under way.
        stopped: Whether somebody asked to stop it.
    """

    done: float = 0.0
    error: str | None = None
    stopped: bool = False


class Fetching:
    """The downloads of one studio; safe to use from many threads.

    Args:
        catalogue: Finds and fetches models.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._lock = threading.Lock()
        self._under_way: dict[str, Fetch] = {}

    def begin(self, repo: str) -> str | None:
        """Begins with a download; gives a sentence where that cannot be."""
        with self._lock:
            found = self._under_way.get(repo)
            if found is not None and found.error is None:
                return None
            if sum(one.error is None for one in self._under_way.values()) >= MOST_AT_ONCE:
                return f"{MOST_AT_ONCE} models are being downloaded; wait for one of them, or stop it."
            fetch = self._under_way[repo] = Fetch()
        threading.Thread(target=self._fetch, args=(repo, fetch), name="reverie-download", daemon=True).start()
        return None

    def stop(self, repo: str) -> None:
        """Ends a download; what has arrived stays for the next time. One that has ended is forgotten."""
        with self._lock:
            found = self._under_way.get(repo)
            if found is not None and found.error is not None:
                del self._under_way[repo]
            elif found is not None:
                found.stopped = True

    def told(self) -> list[Mapping[str, Any]]:
        """Each download as the page's script reads it."""
        with self._lock:
            return [
                {"id": repo, "done": one.done, "error": one.error, "stopping": one.stopped}
                for repo, one in self._under_way.items()
            ]

    def _fetch(self, repo: str, fetch: Fetch) -> None:
        def progress(done: float, _what: str) -> None:
            fetch.done = done

        try:
            self._catalogue.fetch(self._catalogue.find(repo), progress, lambda: fetch.stopped)
        except Cancelled:
            pass
        except ReverieError as error:
            fetch.error = str(error)
            return
        with self._lock:
            self._under_way.pop(repo, None)
