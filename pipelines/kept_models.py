"""Models kept in memory as long as it suffices: loaded once for all who wait, lent to whoever paints, then dropped."""

from __future__ import annotations

import contextlib
import copy
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from .errors import Cancelled, GenerationError, ReverieError
from .models import ModelInfo

if TYPE_CHECKING:
    from .loading import LoadedModel

Progress = Callable[[float, str], None]
"""Told how much is done, 0 … 1, and what is being done."""

Stopped = Callable[[], bool]
"""Tells whether nobody wants it any more."""

Load = Callable[[ModelInfo, Progress, Stopped], "LoadedModel"]

HEED_SECONDS: Final = 0.1
"""How often whoever waits for a model looks whether they still want it."""


@dataclass
class Kept:
    """One model in memory.

    Attributes:
        model: Its networks.
        size: Bytes that they take, wherever they lie.
        came: How it was loaded; whoever waited for that has not taken it yet.
        lent: How many runs use it now.
    """

    model: LoadedModel
    size: int
    came: Loading
    lent: int = 0

    @property
    def idle(self) -> bool:
        """Whether nobody uses it or is about to."""
        return not (self.lent or self.came.waiting)


@dataclass
class Loading:
    """One model on its way into memory.

    Attributes:
        waiting: How many want it.
        done: How much of it is there, 0 … 1.
        what: What is being done.
        failure: What it ended with; None = it succeeded, or has not ended.
        ended: Whether it is over.
    """

    waiting: int = 0
    done: float = 0.0
    what: str = ""
    failure: BaseException | None = None
    ended: bool = False


@dataclass(frozen=True, slots=True)
class KeptState:
    """What is told of one model in memory, or on its way there.

    Attributes:
        id: The model's id.
        bytes: What it takes; 0 while it is loaded.
        lent: How many pictures' runs use it.
        loading: How much of it is there, 0 … 1; None where it is all there.
        what: What is being done, while it is loaded.
        model: Its networks; None while it is loaded.
    """

    id: str
    bytes: int
    lent: int
    loading: float | None = None
    what: str = ""
    model: LoadedModel | None = field(default=None, repr=False)


class KeptModels:
    """The loaded models, least recently used first out; safe to use from many threads.

    One model is constructed at a time, since diffusers patches torch meanwhile, on a thread of its own: whoever asked
    for it may leave, and the loading goes on while anybody else waits for it. A model that is lent is never dropped.
    Nobody waits for room: models in use may together take more than the budget, until one of them is given back.

    Args:
        load: Loads one; raises :class:`Cancelled` when it was told to stop.
        needed: Estimates the bytes of one before it is loaded.
        size: Tells the bytes of a loaded one.
        fits: Tells whether models may be there together, beside one of so many bytes that is to come.
        dropped: Told of each that was dropped, so that nothing else holds it.

    Attributes:
        constructing: Held by whoever builds networks.
    """

    def __init__(
        self,
        load: Load,
        *,
        needed: Callable[[ModelInfo], int],
        size: Callable[[LoadedModel], int],
        fits: Callable[[Sequence[Kept], int], bool],
        dropped: Callable[[LoadedModel], None],
    ) -> None:
        self._load, self._needed, self._size, self._fits, self._dropped = load, needed, size, fits, dropped
        self._changed = threading.Condition()
        self.constructing = threading.Lock()
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._loading: dict[str, Loading] = {}
        self._closed = False

    @contextlib.contextmanager
    def lend(
        self, info: ModelInfo, progress: Progress | None = None, stopped: Stopped | None = None
    ) -> Iterator[LoadedModel]:
        """Lends a model for as long as the context lasts; it is loaded first where it must be.

        Args:
            info: Which one.
            progress: Told how the loading goes; not called where the model is there.
            stopped: Asked now and then whether it is still wanted.

        Raises:
            Cancelled: It was not wanted any more.
            ModelError: It cannot be loaded.
        """
        kept = self._take(info, progress or (lambda _done, _what: None), stopped or (lambda: False))
        try:
            yield kept.model
        finally:
            self._give_back(kept)

    def unload(self, model_id: str) -> bool:
        """Drops a model that nobody uses; tells whether it is gone."""
        with self._changed:
            kept = self._kept.get(model_id)
            if kept is None or not kept.idle:
                return kept is None
            del self._kept[model_id]
        self._dropped(kept.model)
        return True

    def states(self) -> list[KeptState]:
        """What is in memory, most recently used first, after what is on its way there."""
        with self._changed:
            coming = [KeptState(name, 0, 0, one.done, one.what) for name, one in self._loading.items()]
            here = [KeptState(name, one.size, one.lent, model=one.model) for name, one in self._kept.items()]
        return coming + here[::-1]

    def holds(self, model_id: str) -> bool:
        """Whether a model is in memory."""
        with self._changed:
            return model_id in self._kept

    def idle_bytes(self) -> int:
        """What the models that nobody uses take: they would be dropped for another."""
        with self._changed:
            return sum(one.size for one in self._kept.values() if one.idle)

    def close(self) -> None:
        """Ends what is being loaded and lends nothing any more; what is lent stays with whoever has it."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    # ---- inside

    def _take(self, info: ModelInfo, progress: Progress, stopped: Stopped) -> Kept:
        """Counts a loan; waits for the model where it is not there."""
        told: tuple[float, str] | None = None
        joined: Loading | None = None
        try:
            while True:
                with self._changed:
                    if (kept := self._kept.get(info.id)) is not None:
                        kept.lent += 1
                        self._kept.move_to_end(info.id)
                        return kept
                    if self._closed or stopped():
                        raise Cancelled("The picture was stopped.")
                    if joined is not None and joined.ended and joined.failure is not None:
                        raise _again(joined.failure)
                    if joined is None or joined.ended:
                        joined = self._join(info)
                    now = joined.done, joined.what
                    if now == told:
                        self._changed.wait(HEED_SECONDS)
                        continue
                told = now
                progress(*now)
        finally:
            if joined is not None:
                with self._changed:
                    joined.waiting -= 1

    def _join(self, info: ModelInfo) -> Loading:
        """Waits with others for a model that is on its way, or has it loaded; the lock is held."""
        found = self._loading.get(info.id)
        if found is None or not (found.waiting or found.ended):  # one that everybody has left is about to stop
            found = self._loading[info.id] = Loading(what=f"Loading {info.name}…")
            name = f"reverie-load-{info.id[:20]}"
            found.waiting += 1  # before the thread looks whether anybody waits
            threading.Thread(target=self._bring, args=(info, found), name=name, daemon=True).start()
        else:
            found.waiting += 1
        return found

    def _bring(self, info: ModelInfo, loading: Loading) -> None:
        """Loads a model, on a thread of its own; how it ended is told through ``loading``."""

        def progress(done: float, what: str) -> None:
            with self._changed:
                loading.done, loading.what = done, what
                self._changed.notify_all()

        def stopped() -> bool:
            return self._closed or loading.waiting == 0

        model: LoadedModel | None = None
        failure: BaseException | None = None
        try:
            with self.constructing:
                if stopped():
                    raise Cancelled("The model is not wanted any more.")
                if not self.holds(info.id):  # one that everybody had left may have come to its end all the same
                    self._make_room(self._needed(info))
                    model = self._load(info, progress, stopped)
        except BaseException as error:  # noqa: BLE001 - raised again for everybody who waits
            error.__traceback__ = None  # its frames hold half a model
            failure = error
        with self._changed:
            if model is not None:
                self._kept[info.id] = Kept(model, self._size(model), loading)
            loading.failure, loading.ended = failure, True
            if self._loading.get(info.id) is loading:
                del self._loading[info.id]
            self._changed.notify_all()
        self._make_room(0)

    def _make_room(self, wanted: int) -> None:
        """Drops what was not used for longest until the rest fits, or nothing idle is left; one may always stay."""
        dropped = []
        with self._changed:
            for name, one in list(self._kept.items()):
                alone = len(self._kept) == 1 and not wanted
                if alone or self._fits(list(self._kept.values()), wanted):
                    break
                if one.idle:
                    dropped.append(self._kept.pop(name).model)
        while dropped:
            self._dropped(dropped.pop())

    def _give_back(self, kept: Kept) -> None:
        with self._changed:
            kept.lent -= 1
        self._make_room(0)


def _again(failure: BaseException) -> ReverieError:
    """The failure as an error of this waiter's own: one error object is not raised on two threads."""
    if isinstance(failure, ReverieError):
        return copy.copy(failure)
    made = GenerationError(f"The model could not be loaded ({type(failure).__name__}: {failure}).")
    made.__cause__ = failure
    return made
