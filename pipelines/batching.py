"""Several calls of one network as a single call: joined along the batch, run once, cut apart again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final, Protocol

import torch

from .caches import fingerprint

SAMPLE_NAMES: Final = ("sample", "hidden_states")
"""What diffusers' networks call what they denoise: U-Nets and transformers."""

TIMESTEP: Final = "timestep"


class Worn(Protocol):
    """What a network wears for a call, such as its LoRAs."""

    @property
    def key(self) -> Hashable:
        """Equal where two calls can be joined."""
        ...

    def put_on(self) -> None:
        """Makes the network wear it."""
        ...


class Call:
    """Something a lane waits for: one network step, or any other work for the engine thread.

    Args:
        network: The module to call; None for other work.
        args: Its positional arguments; the first is the sample, shape [batch, …], the second the timestep.
        kwargs: Its keyword arguments; ``sample`` or ``hidden_states`` and ``timestep`` where they are not positional.
        work: The other work; None for a network step.
        between_steps: Whether the lane comes back with a step right after this work.
        worn: What the network shall wear for it; None = whatever it wears.
    """

    def __init__(
        self,
        network: Callable[..., Any] | None = None,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        work: Callable[[], Any] | None = None,
        *,
        between_steps: bool = False,
        worn: Worn | None = None,
    ) -> None:
        self.worn = worn
        self.network, self.args, self.kwargs, self.work = network, args, kwargs or {}, work
        self.comes_back = between_steps or network is not None
        self.key: Hashable = None
        if network is not None:  # the timestep may differ in value and type: each sample brings its own
            rest = {name: value for name, value in self.kwargs.items() if name != TIMESTEP}
            dress = None if worn is None else worn.key
            self.key = (
                getattr(network, "join_key", id(network)),
                dress,
                len(args),
                *(_shape_of(part, self.size) for part in (args[:1], args[2:], rest)),
            )
        self._done = threading.Event()
        self._result: Any = None
        self._error: BaseException | None = None

    @property
    def sample(self) -> torch.Tensor:
        """What the network denoises; the first of it where the network takes a list, as Z-Image's does."""
        sample: torch.Tensor = self._samples[0] if isinstance(self._samples, list) else self._samples
        return sample

    @property
    def size(self) -> int:
        """Samples in this call's batch."""
        return len(self._samples)

    @property
    def _samples(self) -> torch.Tensor | list[torch.Tensor]:
        named = (self.kwargs[name] for name in SAMPLE_NAMES if name in self.kwargs)
        samples: torch.Tensor | list[torch.Tensor] = self.args[0] if self.args else next(named)
        return samples

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
    args = [_joined([call.args[place] for call in calls], sizes) for place in range(len(first.args)) if place != 1]
    kwargs = {name: _joined([call.kwargs[name] for call in calls], sizes) for name in first.kwargs if name != TIMESTEP}
    timesteps = torch.cat([_timesteps(call) for call in calls])
    if TIMESTEP in first.kwargs:
        kwargs[TIMESTEP] = timesteps
    else:
        args.insert(1, timesteps)
    output = first.network(*args, **kwargs)
    return [_cut(output, sum(sizes[:index]), size) for index, size in enumerate(sizes)]


def _timesteps(call: Call) -> torch.Tensor:
    """One timestep for each sample, whatever number or tensor the call brought."""
    timestep = call.kwargs[TIMESTEP] if TIMESTEP in call.kwargs else call.args[1]
    tensor = torch.as_tensor(timestep, device=call.sample.device)
    return tensor.expand(call.size) if tensor.ndim == 0 else tensor


def _joined(values: Sequence[Any], sizes: Sequence[int]) -> Any:
    if isinstance(values[0], torch.Tensor):
        return torch.cat(list(values)) if _is_batched(values[0], sizes[0]) else values[0]
    if _is_list_of_samples(values[0], sizes[0]):
        return [tensor for value in values for tensor in value]
    if isinstance(values[0], dict):
        return {name: _joined([value[name] for value in values], sizes) for name in values[0]}
    return values[0]


def _is_batched(tensor: torch.Tensor, size: int) -> bool:
    """Whether a tensor has a row for each sample. Flux's places of words and patches have none."""
    return tensor.ndim > 0 and tensor.shape[0] == size


def _is_list_of_samples(value: Any, size: int) -> bool:
    """Whether a list has a tensor for each sample. Their lengths may differ: the network itself fills them up."""
    return isinstance(value, list) and len(value) == size and all(isinstance(one, torch.Tensor) for one in value)


def _cut(output: Any, start: int, size: int) -> Any:
    if isinstance(output, (torch.Tensor, list)):
        return output[start : start + size]
    if isinstance(output, dict):  # diffusers' own kind of result: by name, and by number
        return type(output)(**{name: _cut(part, start, size) for name, part in output.items()})
    return tuple(_cut(part, start, size) for part in output)


def _shape_of(value: Any, size: int) -> Hashable:
    """What must be equal for two calls to be joined: shapes but for the batch, types, devices, the rest by value."""
    if isinstance(value, torch.Tensor):
        if _is_batched(value, size):
            return (tuple(value.shape[1:]), value.dtype, value.device)
        return (tuple(value.shape), fingerprint(value.reshape(-1)), value.device)
    if _is_list_of_samples(value, size):
        return tuple({(tensor.ndim, *tensor.shape[1:], tensor.dtype, tensor.device) for tensor in value})
    if isinstance(value, dict):
        return tuple((name, _shape_of(part, size)) for name, part in sorted(value.items()))
    if isinstance(value, (list, tuple)):
        return tuple(_shape_of(part, size) for part in value)
    return value if isinstance(value, Hashable) else id(value)
