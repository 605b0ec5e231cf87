"""Several calls of one network as a single call: joined along the batch, run once, cut apart again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch


class Call:
    """Something a lane waits for: one network step, or any other work for the engine thread.

    Args:
        network: The module to call; None for other work.
        args: Its positional arguments; the first is the sample, shape [batch, channels, height, width], the second
            the timestep.
        kwargs: Its keyword arguments.
        work: The other work; None for a network step.
    """

    def __init__(
        self,
        network: Callable[..., Any] | None = None,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        work: Callable[[], Any] | None = None,
    ) -> None:
        self.network, self.args, self.kwargs, self.work = network, args, kwargs or {}, work
        self.key: Hashable = None
        if network is not None:  # the timestep, args[1], may differ in value and type: each sample brings its own
            self.key = (id(network), _shape_of(args[:1]), _shape_of(args[2:]), _shape_of(self.kwargs))
        self._done = threading.Event()
        self._result: Any = None
        self._error: BaseException | None = None

    @property
    def size(self) -> int:
        """Samples in this call's batch."""
        return int(self.args[0].shape[0])

    def finish(self, result: Any) -> None:
        """Hands the waiting lane its result."""
        self._result = result
        self._done.set()

    def fail(self, error: BaseException) -> None:
        """Raises ``error`` in the waiting lane."""
        self._error = error
        self._done.set()

    def wait(self) -> Any:
        """Waits for the engine; raises what :meth:`fail` was given."""
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._result


def join_calls(calls: Sequence[Call]) -> list[Any]:
    """Runs calls of equal ``key`` as one and gives each its slice; a lone call is passed on untouched.

    Args:
        calls: At least one.

    Returns:
        What the network would have returned to each, in order.
    """
    first = calls[0]
    assert first.network is not None
    if len(calls) == 1:
        return [first.network(*first.args, **first.kwargs)]
    sizes = [call.size for call in calls]
    samples = torch.cat([call.args[0] for call in calls])
    timesteps = torch.cat([_per_sample(call.args[1], call.size, samples.device) for call in calls])
    kwargs = {name: _joined([call.kwargs[name] for call in calls]) for name in first.kwargs}
    output = first.network(samples, timesteps, **kwargs)
    return [_cut(output, sum(sizes[:index]), size) for index, size in enumerate(sizes)]


def _per_sample(timestep: Any, size: int, device: torch.device) -> torch.Tensor:
    tensor = torch.as_tensor(timestep, device=device)
    return tensor.expand(size) if tensor.ndim == 0 else tensor


def _joined(values: Sequence[Any]) -> Any:
    if isinstance(values[0], torch.Tensor):
        return torch.cat(list(values))
    if isinstance(values[0], dict):
        return {name: _joined([value[name] for value in values]) for name in values[0]}
    return values[0]


def _cut(output: Any, start: int, size: int) -> Any:
    if isinstance(output, torch.Tensor):
        return output[start : start + size]
    return tuple(_cut(part, start, size) for part in output)


def _shape_of(value: Any) -> Hashable:
    """What must be equal for two calls to be joined: shapes but for the batch, types, devices, the rest whole."""
    if isinstance(value, torch.Tensor):
        return (tuple(value.shape[1:]), value.ndim > 0, value.dtype, value.device)
    if isinstance(value, dict):
        return tuple((name, _shape_of(part)) for name, part in sorted(value.items()))
    if isinstance(value, (list, tuple)):
        return tuple(_shape_of(part) for part in value)
    return value if isinstance(value, Hashable) else id(value)
