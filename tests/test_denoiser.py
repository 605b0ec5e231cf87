"""The engine: lanes of a convoy step together, cancelled ones leave at once, a failure stays with its owner."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from pipelines.denoiser import Engine, Lane
from pipelines.errors import Cancelled, GenerationError


class Network:
    """Adds one; remembers how many samples each call brought and on which thread."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.threads: set[str] = set()

    def __call__(self, sample: torch.Tensor, timestep: Any, **kwargs: Any) -> tuple[torch.Tensor]:
        self.batches.append(sample.shape[0])
        self.threads.add(threading.current_thread().name)
        return (sample + 1,)


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine(largest_batch=4)
    yield engine
    engine.close()


def steps(lane: Lane, network: Any, count: int) -> torch.Tensor:
    sample = torch.zeros(1, 1, 2, 2)
    try:
        for step in range(count):
            sample = lane.denoise(network, (sample, torch.tensor(step)), {})[0]
    finally:
        lane.close()
    return sample


def test_pictures_of_one_request_always_share_every_step(engine: Engine) -> None:
    for _ in range(5):
        network = Network()
        lanes = engine.open_lanes(object(), 3)
        with ThreadPoolExecutor(3) as pool:
            results = list(pool.map(lambda lane, shared=network: steps(lane, shared, 7), lanes))
        assert network.batches == [3] * 7
        assert all((result == 7).all() for result in results)
        assert network.threads == {"reverie-engine"}


@contextmanager
def engine_held_until_parked(engine: Engine, *lanes: Lane) -> Iterator[None]:
    """Keeps the engine busy with an errand until all these lanes wait at a step, so that they surely meet."""

    def wait() -> None:
        while any(lane.call is None for lane in lanes):
            threading.Event().wait(0.001)

    with ThreadPoolExecutor(1) as pool:
        errand = pool.submit(engine.open_lanes("errand", 1)[0].run, wait)
        yield
        errand.result()


def test_requests_that_meet_share_and_part_again(engine: Engine) -> None:
    short, long = engine.open_lanes("short", 1)[0], engine.open_lanes("long", 1)[0]
    network = Network()
    with ThreadPoolExecutor(2) as pool, engine_held_until_parked(engine, short, long):
        many, few = pool.submit(steps, long, network, 40), pool.submit(steps, short, network, 5)
    assert (few.result() == 5).all()
    assert (many.result() == 40).all()
    assert sum(network.batches) == 45
    assert network.batches[0] == 2
    assert network.batches[-1] == 1


def test_a_cancelled_lane_raises_and_the_others_go_on(engine: Engine) -> None:
    network = Network()
    stopped, going = engine.open_lanes("one", 2)
    stopped.cancel()
    with pytest.raises(Cancelled):
        steps(stopped, network, 3)
    assert (steps(going, network, 3) == 3).all()


def test_a_lane_that_waits_is_released_by_its_cancellation(engine: Engine) -> None:
    waiting, _absent = engine.open_lanes("one", 2)  # the second never parks, so the first cannot step
    with ThreadPoolExecutor(1) as pool:
        parked = pool.submit(steps, waiting, Network(), 1)
        while waiting.call is None:
            threading.Event().wait(0.001)
        waiting.cancel()
        with pytest.raises(Cancelled):
            parked.result(timeout=5)


def test_a_failing_network_fails_its_callers_and_the_engine_goes_on(engine: Engine) -> None:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("shape mismatch")

    with pytest.raises(GenerationError, match="shape mismatch"):
        steps(engine.open_lanes("broken", 1)[0], broken, 1)
    assert (steps(engine.open_lanes("fine", 1)[0], Network(), 2) == 2).all()


def test_errands_run_on_the_engine_thread_without_gradients(engine: Engine) -> None:
    lane = engine.open_lanes("one", 1)[0]
    assert lane.run(lambda: (threading.current_thread().name, torch.is_grad_enabled())) == (
        "reverie-engine",
        False,
    )


def test_convoys_that_cannot_share_are_served_in_turn(engine: Engine) -> None:
    order: list[str] = []

    def named(name: str) -> Any:
        def network(sample: torch.Tensor, timestep: Any) -> tuple[torch.Tensor]:
            order.append(name)
            return (sample,)

        return network

    first, second = (engine.open_lanes(name, 1)[0] for name in "ab")
    with ThreadPoolExecutor(2) as pool, engine_held_until_parked(engine, first, second):
        running = [pool.submit(steps, lane, named(name), 20) for lane, name in ((first, "a"), (second, "b"))]
    for one in running:
        one.result()
    middle = "".join(order[4:-4])
    assert "aaa" not in middle and "bbb" not in middle, order


def test_more_lanes_than_fit_are_refused(engine: Engine) -> None:
    with pytest.raises(ValueError, match="count is 5"):
        engine.open_lanes("one", 5)


def test_closing_releases_everybody() -> None:
    engine = Engine()
    waiting, _absent = engine.open_lanes("one", 2)
    with ThreadPoolExecutor(1) as pool:
        parked = pool.submit(steps, waiting, Network(), 1)
        engine.close()
        with pytest.raises(Cancelled):
            parked.result(timeout=5)
