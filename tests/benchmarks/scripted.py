"""The real engine with a network that does nothing, so that only the order of turns is left to see."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import torch

from pipelines.denoiser import Engine, Lane


def steps_served(room: int, wishes: Sequence[int], steps: int) -> list[int]:
    """Counts the steps each owner is served until the first picture of anybody is done.

    Args:
        room: Most pictures in one network call.
        wishes: Pictures that each owner asks for, all at the same moment.
        steps: Of each picture.

    Returns:
        One count for each owner.
    """
    engine = Engine(largest_batch=room)
    lanes: list[Lane] = []
    for owner, wish in enumerate(wishes):
        lanes += engine.open_lanes(object(), wish, owner=f"owner-{owner}")
    try:
        served = _walk(engine, lanes, steps)
    finally:
        engine.close()
    return [sum(served[sum(wishes[:owner]) : sum(wishes[: owner + 1])]) for owner in range(len(wishes))]


def _walk(engine: Engine, lanes: list[Lane], steps: int) -> list[int]:
    """Lets every lane take its steps, from the same moment on; counts until the first has taken all."""
    served = [0] * len(lanes)

    def network(sample: torch.Tensor, timestep: object) -> tuple[torch.Tensor]:
        if max(served) < steps:  # afterwards somebody has left, and the others get more
            for lane in sample[:, 0].int().tolist():
                served[lane] += 1
        return (sample,)

    def walk(number: int) -> None:
        for step in range(steps):
            lanes[number].denoise(network, (torch.full((1, 1), number), torch.tensor(step)), {})
        lanes[number].close()

    def hold_until_all_ask() -> None:
        while any(lane.call is None for lane in lanes):
            threading.Event().wait(0.001)

    with ThreadPoolExecutor(len(lanes) + 1) as pool:
        held = pool.submit(engine.open_lanes("hold", 1)[0].run, hold_until_all_ask)
        for walking in [pool.submit(walk, number) for number in range(len(lanes))]:
            walking.result()
        held.result()
    return served
