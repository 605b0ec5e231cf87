"""Small steps get one thread, large ones and everything that must match a bare pipeline get all."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
import torch

from pipelines.batching import Call
from pipelines.threads import SMALL_STEP, StepThreads


def step(network: Callable[..., object], pictures: int) -> Call:
    return Call(network=network, args=(torch.zeros(2 * pictures, 4, 32, 32), torch.tensor(1.0), torch.zeros(1)))


def large() -> torch.nn.Module:
    """A million weights."""
    return torch.nn.Linear(1000, 1000, bias=False)


def threads_for(*calls: Call, alone: bool = False) -> int:
    """Torch's own count is set to three in a thread of its own, where nobody else's is changed."""
    seen: list[int] = []

    def work() -> None:
        before = torch.get_num_threads()
        torch.set_num_threads(3)
        threads = StepThreads()
        threads.set_for(calls, alone=alone)
        seen.append(torch.get_num_threads())
        torch.set_num_threads(before)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return seen[0]


def test_a_step_with_little_work_has_one_thread() -> None:
    """One thread does not wait for a second one."""
    assert threads_for(step(torch.nn.Linear(1, 1), 1)) == 1


def test_a_large_step_has_all() -> None:
    """A million weights over thirty thousand pixels are worth waking everybody."""
    assert threads_for(step(large(), 16)) == 3


def test_pictures_of_a_shared_step_count_together() -> None:
    """Each alone would be small."""
    network = large()
    alone = step(network, 8)
    assert 1e6 * alone.sample.shape[0] * 32 * 32 < SMALL_STEP
    assert threads_for(alone) == 1
    assert threads_for(alone, step(network, 8)) == 3


@pytest.mark.parametrize("pictures", [1, 16])
def test_a_deterministic_step_has_all(pictures: int) -> None:
    """So has a bare pipeline, whose every bit it must give."""
    assert threads_for(step(torch.nn.Linear(1, 1), pictures), alone=True) == 3


def test_whatever_is_no_step_has_all() -> None:
    """Text encoders and VAEs."""
    assert threads_for(Call(work=lambda: None)) == 3
