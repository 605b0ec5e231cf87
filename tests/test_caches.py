"""The cache stays within its bytes, forgets the oldest, and never mistakes one tensor for another."""

from __future__ import annotations

import torch

from pipelines.caches import TensorCache, bytes_of, fingerprint


def test_a_second_question_is_not_worked_out_again() -> None:
    cache, made = TensorCache(), []
    first = cache.get("key", lambda: made.append(1) or torch.ones(3))
    second = cache.get("key", lambda: made.append(1) or torch.zeros(3))
    assert made == [1]
    assert second is first
    assert (cache.hits, cache.misses) == (1, 1)


def test_the_bound_holds_and_the_least_used_goes_first() -> None:
    cache = TensorCache(largest_bytes=3000)
    for name in "abc":
        cache.get(name, lambda: torch.zeros(250))  # 1000 bytes each
    cache.get("a", lambda: torch.zeros(250))
    cache.get("d", lambda: torch.zeros(250))
    assert cache.bytes <= 3000
    hits = cache.hits
    cache.get("a", lambda: torch.zeros(250))
    assert cache.hits == hits + 1
    misses = cache.misses
    cache.get("b", lambda: torch.zeros(250))
    assert cache.misses == misses + 1


def test_what_is_larger_than_the_bound_is_not_kept() -> None:
    cache = TensorCache(largest_bytes=100)
    cache.get("large", lambda: torch.zeros(1000))
    assert cache.bytes == 0


def test_bytes_are_counted_through_dictionaries_and_objects() -> None:
    class Output:
        def __init__(self) -> None:
            self.mean = torch.zeros(10)

    assert bytes_of({"a": torch.zeros(5), "b": (torch.zeros(1), Output())}) == 4 * 16


def test_fingerprints_tell_bits_shapes_and_types_apart() -> None:
    tensor = torch.arange(6.0)
    assert fingerprint(tensor) == fingerprint(tensor.clone())
    others = [tensor.reshape(2, 3), tensor.double(), tensor + 1e-6, -tensor]
    assert len({fingerprint(other) for other in [tensor, *others]}) == 5
