"""The one denoiser that every running picture shares.

Each picture runs its own diffusers pipeline on its own thread, in a *lane*. Whatever needs the network is parked
here; one engine thread takes the parked calls whose shapes agree, runs the network once on all of them, and hands
each its slice. Everything else on the network (text encoder, VAE) is an *errand* on the same thread.

Lanes of one *convoy* (the pictures of one request) step together: a batch is formed only when all of them are
parked, so that the same request always meets the same batches, and gives the same bits.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, Final, TypeVar

import torch

from .batching import Call, Worn, join_calls
from .errors import Cancelled, GenerationError, ReverieError
from .memory import first_that_fits
from .threads import StepThreads
from .turns import Turns

T = TypeVar("T")

GATHER_SECONDS: Final = 0.02
"""How long the engine waits for lanes that are between two steps before it goes on without them."""


class Lane:
    """One picture's way to the network. Made by :meth:`Engine.open_lanes`.

    Attributes:
        convoy: Lanes with an equal convoy step together.
        owner: On whose behalf; owners are served in turn.
        alone: Whether its steps are never joined with anybody's.
        thinking: Whether it has just been opened or is between two steps, and so about to come.
        call: What it is parked with.
        cancelled: Whether it was asked to end.
    """

    def __init__(self, engine: Engine, convoy: Hashable, owner: str, *, alone: bool) -> None:
        self.convoy, self.owner, self.alone = convoy, owner, alone
        self._engine = engine
        self.thinking, self.cancelled = True, False
        self.call: Call | None = None

    def run(self, work: Callable[[], T], *, between_steps: bool = False) -> T:
        """Runs ``work`` on the engine thread and gives its result.

        Args:
            work: What to do.
            between_steps: Whether a step of this lane follows at once, for which company should wait.

        Raises:
            Cancelled: The lane was cancelled before the work began.
        """
        call = Call(work=work, between_steps=between_steps)
        self._engine.park(self, call)
        result: T = call.wait()
        return result

    def denoise(
        self, network: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], worn: Worn | None = None
    ) -> Any:
        """Runs one step of the network, in company where shapes, and what it wears, agree.

        Raises:
            Cancelled: The lane was cancelled before the step ended.
        """
        call = Call(network=network, args=args, kwargs=kwargs, worn=worn)
        if self.alone:
            call.key = id(self)
        self._engine.park(self, call)
        return call.wait()

    def cancel(self) -> None:
        """Makes the lane's present or next call raise :class:`Cancelled`; returns at once."""
        self._engine.cancel(self)

    def close(self) -> None:
        """Leaves the convoy; the others no longer wait for this lane."""
        self._engine.leave(self)


class Engine:
    """The thread that owns the networks.

    Args:
        largest_batch: Most pictures in one network call, two samples each under guidance.

    Attributes:
        largest_batch: As given.
        make_room: Opens a context in which memory is freed at the cost of time; None where there is nothing to free.
    """

    def __init__(self, largest_batch: int = 8) -> None:
        self.largest_batch = largest_batch
        self.make_room: Callable[[], contextlib.AbstractContextManager[None]] | None = None
        self._changed = threading.Condition()
        self._lanes: list[Lane] = []
        self._errands: deque[tuple[Lane, Call]] = deque()
        self._turns = Turns()
        self._paused: set[Hashable] = set()
        self._fitting: dict[Hashable, int] = {}  # calls that memory sufficed for at once, where it did not for all
        self._closed = False
        self._idle_since = time.monotonic()
        self._thread = threading.Thread(target=self._serve, name="reverie-engine", daemon=True)
        self._thread.start()

    def open_lanes(self, convoy: Hashable, count: int, *, owner: str = "", alone: bool = False) -> list[Lane]:
        """Opens the lanes of one convoy together, so that the first step already waits for all of them.

        Args:
            convoy: What the lanes have in common.
            count: 1 … ``largest_batch``; a larger convoy could not step together. 1 where ``alone``.
            owner: On whose behalf; owners are served in turn, by steps.
            alone: Never join these steps with others.
        """
        if not 1 <= count <= self.largest_batch:
            raise ValueError(f"count is {count}; open 1 to {self.largest_batch} lanes at a time.")
        lanes = [Lane(self, convoy, owner, alone=alone) for _ in range(count)]
        with self._changed:
            here = {lane.owner for lane in self._lanes}
            self._turns.forget(here, {lane.convoy for lane in self._lanes})
            if owner not in here:
                self._turns.welcome(owner)
            self._lanes += lanes
        return lanes

    def close(self) -> None:
        """Cancels every lane and ends the thread after the call it is in."""
        with self._changed:
            self._closed = True
            for lane in list(self._lanes):
                self._cancel(lane)
            self._changed.notify_all()

    def pause(self, convoy: Hashable, *, paused: bool) -> None:
        """Lets a convoy stand still after the step it is in, or go on."""
        with self._changed:
            (self._paused.add if paused else self._paused.discard)(convoy)
            self._changed.notify_all()

    def park(self, lane: Lane, call: Call) -> None:
        """Queues a lane's call; the lane then waits on it."""
        with self._changed:
            lane.thinking = False
            if lane.cancelled or self._closed:
                call.fail(Cancelled("The picture was stopped."))
            elif call.work is not None:
                self._errands.append((lane, call))
            else:
                lane.call = call
            self._changed.notify_all()

    def cancel(self, lane: Lane) -> None:
        """See :meth:`Lane.cancel`."""
        with self._changed:
            self._cancel(lane)
            self._changed.notify_all()

    def leave(self, lane: Lane) -> None:
        """See :meth:`Lane.close`."""
        with self._changed:
            if lane in self._lanes:
                self._lanes.remove(lane)
            if not self._lanes:
                self._fitting.clear()  # whoever comes next may find more memory
            if not any(other.convoy == lane.convoy for other in self._lanes):
                self._paused.discard(lane.convoy)
            self._changed.notify_all()

    def _cancel(self, lane: Lane) -> None:
        lane.cancelled = True
        waiting = [call for other, call in self._errands if other is lane]
        self._errands = deque(item for item in self._errands if item[0] is not lane)
        if lane.call is not None:
            waiting.append(lane.call)
            lane.call = None
        for call in waiting:
            call.fail(Cancelled("The picture was stopped."))

    def _serve(self) -> None:
        threads = StepThreads()
        while True:
            with self._changed:
                batch: list[tuple[Lane, Call]] = []
                while not self._closed and not (batch := self._next_batch()):
                    self._changed.wait(self._patience())
                if self._closed:
                    return
            threads.set_for([call for _, call in batch], alone=batch[0][0].alone)
            self._run(batch)
            batch.clear()

    def _run(self, batch: list[tuple[Lane, Call]]) -> None:
        calls = [call for _, call in batch]
        try:
            with torch.no_grad():
                results = [calls[0].work()] if calls[0].work else self._step(calls)
        except BaseException as error:  # noqa: BLE001 - it is the lane's to handle; the engine goes on
            results = [error] * len(calls)
        with self._changed:
            for (lane, call), result in zip(batch, results, strict=True):
                lane.thinking = call.comes_back
                if lane.cancelled:
                    call.fail(Cancelled("The picture was stopped."))
                elif isinstance(result, BaseException):
                    call.fail(result if isinstance(result, ReverieError) else _as_failure(result))
                else:
                    call.finish(result)
            self._idle_since = time.monotonic()

    def _step(self, calls: list[Call]) -> list[Any]:
        """All together; where memory does not suffice, in ever smaller batches, at last with all else set aside."""
        key = calls[0].key
        if calls[0].worn is not None:
            calls[0].worn.put_on()
        sizes = [min(len(calls), self._fitting.get(key, len(calls)))]
        while sizes[-1] > 1:
            sizes.append(sizes[-1] // 2)

        def in_batches(size: int) -> list[Any]:
            batches = [join_calls(calls[start : start + size]) for start in range(0, len(calls), size)]
            if size < len(calls):
                self._fitting[key] = size  # the next step need not fail first
            return [result for batch in batches for result in batch]

        smallest = partial(in_batches, 1)
        return first_that_fits([*(partial(in_batches, size) for size in sizes), lambda: self._thriftily(smallest)])

    def _thriftily(self, work: Callable[[], T]) -> T:
        with contextlib.ExitStack() as stack:
            if self.make_room is not None:
                stack.enter_context(self.make_room())
            return work()

    def _next_batch(self) -> list[tuple[Lane, Call]]:
        """An errand, else the convoy whose turn it is with whoever fits beside it; [] to go on waiting."""
        if self._errands:
            return [self._errands.popleft()]
        if self._patience() is not None:
            return []
        batch: list[tuple[Lane, Call]] = []
        for lanes in self._ready_convoys():
            calls = [(lane, lane.call) for lane in lanes if lane.call is not None]
            if batch and (calls[0][1].key != batch[0][1].key or len(batch) + len(calls) > self.largest_batch):
                continue
            batch += calls
        for lane, _ in batch:
            lane.call = None
        self._turns.count((lane.owner, lane.convoy) for lane, _ in batch)
        return batch

    def _ready_convoys(self) -> list[list[Lane]]:
        """Convoys whose every lane is parked at a step, in the order of their turns."""
        convoys: dict[Hashable, list[Lane]] = {}
        for lane in self._lanes:
            convoys.setdefault(lane.convoy, []).append(lane)
        ready = [
            lanes
            for convoy, lanes in convoys.items()
            if convoy not in self._paused and all(lane.call is not None for lane in lanes)
        ]
        return sorted(ready, key=lambda lanes: self._turns.place(lanes[0].owner, lanes[0].convoy))

    def _patience(self) -> float | None:
        """Seconds the engine should still wait for lanes between two steps; None when nobody is worth waiting for."""
        if not any(lane.thinking and lane.convoy not in self._paused for lane in self._lanes):
            return None
        left = self._idle_since + GATHER_SECONDS - time.monotonic()
        return left if left > 0 else None


def _as_failure(error: BaseException) -> GenerationError:
    failure = GenerationError(f"The picture could not be made ({type(error).__name__}: {error}).")
    failure.__cause__ = error
    return failure
