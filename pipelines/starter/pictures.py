"""Many painted pictures at once, on all cores, the same for the same seed."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.starter.painter import SIZE, paint
from pipelines.starter.world import Scene, random_scene

Pixels = NDArray[np.uint8]
Batch = tuple[list[Scene], Pixels]


def _painted(task: tuple[int, int, int]) -> Batch:
    seed, index, count = task
    rng = np.random.default_rng((seed, index))
    scenes: list[Scene] = [random_scene(rng) for _ in range(count)]
    return scenes, paint_all(scenes, rng)


def paint_all(scenes: Sequence[Scene], rng: np.random.Generator) -> Pixels:
    """Paints the scenes into one array.

    Args:
        scenes: What to paint.
        rng: Where the chance comes from.

    Returns:
        An array (pictures, height, width, 3).
    """
    pixels = np.empty((len(scenes), SIZE, SIZE, 3), dtype=np.uint8)
    for index, scene in enumerate(scenes):
        pixels[index] = np.asarray(paint(scene, rng))
    return pixels


def painted_batches(count: int, seed: int, each: int = 250, workers: int = 2) -> Iterator[Batch]:
    """Yields `count` random captionable pictures in batches, with what each shows.

    Args:
        count: How many pictures in all.
        seed: What all chance comes from; the number of workers changes nothing.
        each: How many pictures a batch.
        workers: How many processes paint; 0 paints in this one.
    """
    tasks = [(seed, index, min(each, count - each * index)) for index in range(-(-count // each))]
    if not workers:
        yield from map(_painted, tasks)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(_painted, tasks)
