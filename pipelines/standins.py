"""What a pipeline is given in place of the networks: thin modules that pass every call on to the engine."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable
from typing import Any, Final

import torch

from .batching import Worn
from .caches import TensorCache, fingerprint
from .denoiser import Lane
from .errors import GenerationError
from .memory import first_that_fits, tiled
from .own_ways import OwnWays
from .prompt_steps import StepPrompts
from .seamless import circular, decode_seamlessly
from .touches import Touched

NOTHING: Final = OwnWays()


class StandIn(torch.nn.Module):
    """Looks like the network it stands for, but owns no weights.

    The network is kept outside the module tree, so that nothing a pipeline does to its components (casting, moving)
    reaches the shared weights.

    Args:
        network: The real module.
        lane: Where its calls are parked.
        **known: What need not be asked of the network each time, such as ``dtype`` and ``device``: it would walk
            through all of its weights.
    """

    def __init__(self, network: torch.nn.Module, lane: Lane, **known: object) -> None:
        super().__init__()
        for name, value in {"network": network, "lane": lane, **known}.items():
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["network"], name)


class SharedDenoiser(StandIn):
    """Stands for the U-Net or transformer: each forward is one step, taken in company.

    Args:
        network: The real network.
        lane: Where its calls are parked.
        worn: What it shall wear for them.
        prompts: What it is told where the prompts change from step to step; None = what the pipeline says.
        own: How these calls differ from everybody's.
        **known: As for :class:`StandIn`.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        lane: Lane,
        worn: Worn | None = None,
        prompts: StepPrompts | None = None,
        own: OwnWays = NOTHING,
        **known: object,
    ) -> None:
        called = Touched(network, own.touches) if own.touches else network
        super().__init__(network, lane, called=called, worn=worn, prompts=prompts, own=own, **known)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Parks the call and gives this lane's slice of the result."""
        own = self.__dict__

        def denoise(*args: Any, **kwargs: Any) -> Any:
            return own["lane"].denoise(own["called"], args, kwargs, own["worn"])

        def ask() -> Any:
            prompts = own["prompts"]
            return denoise(*args, **kwargs) if prompts is None else prompts.denoise(denoise, args, kwargs)

        ways: OwnWays = own["own"]
        answer = ask() if ways.memory is None else ways.memory.answer(ask)
        return answer if ways.after is None else ways.after(answer)

    def cache_context(self, *_args: Any, **_kwargs: Any) -> contextlib.AbstractContextManager[None]:
        """Does nothing: diffusers would note on the network, which others share, whose call it is in."""
        return contextlib.nullcontext()


class SharedVae(StandIn):
    """Stands for the VAE: encoding and decoding are errands on the engine thread.

    Args:
        network: The real VAE.
        lane: Where its calls are parked.
        cache: Keeps encoded pictures, so that a series of edits of one picture encodes it once.
        model_key: What tells this VAE's results from another's.
        seamless: Whether opposite edges meet.
        posterior: What encoded pictures are sampled with, whatever the pipeline says; None = what it says.
        **known: As for :class:`StandIn`.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        lane: Lane,
        cache: TensorCache,
        model_key: Hashable,
        *,
        seamless: bool = False,
        posterior: torch.Generator | None = None,
        **known: object,
    ) -> None:
        own = {"cache": cache, "model_key": model_key, "seamless": seamless, "posterior": posterior}
        super().__init__(network, lane, **own, **known)

    def encode(self, picture: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        """Encodes a picture, as the network's own ``encode``; the distribution is kept, the sample is each caller's."""
        own = self.__dict__
        seamless, posterior = own["seamless"], own["posterior"]
        key = (own["model_key"], "encode", seamless, fingerprint(picture), args, tuple(sorted(kwargs.items())))

        def encode() -> Any:
            vae = own["network"]
            with circular(vae) if seamless else contextlib.nullcontext():
                return thriftily(vae, lambda: finite(vae, vae.encode, picture, *args, **kwargs))

        encoded = own["lane"].run(lambda: own["cache"].get(key, encode))
        if posterior is None or not hasattr(encoded, "latent_dist"):
            return encoded
        return type(encoded)(latent_dist=_Sampled(encoded.latent_dist, posterior))

    def decode(self, latents: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        """Decodes latents, as the network's own ``decode``."""
        vae, seamless = self.__dict__["network"], self.__dict__["seamless"]

        def decode(latents: torch.Tensor) -> Any:
            return finite(vae, vae.decode, latents, *args, **kwargs)

        def work() -> Any:
            return decode_seamlessly(vae, latents, decode) if seamless else thriftily(vae, lambda: decode(latents))

        return self.__dict__["lane"].run(work)


class _Sampled:
    """An encoded picture's distribution, sampled with a generator of its own: the noise of the picture begins later."""

    def __init__(self, distribution: Any, generator: torch.Generator) -> None:
        self._distribution, self._generator = distribution, generator

    def __getattr__(self, name: str) -> Any:
        return getattr(self._distribution, name)

    def sample(self, generator: Any = None) -> Any:  # noqa: ARG002  # diffusers' signature
        """Samples it."""
        return self._distribution.sample(self._generator)


def thriftily(vae: Any, work: Callable[[], Any]) -> Any:
    """Does a VAE's work in one go or, where memory does not suffice, tile by tile."""

    def in_tiles() -> Any:
        with tiled(vae):
            return work()

    return first_that_fits([work, in_tiles])


def finite(vae: Any, work: Callable[..., Any], tensor: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
    """Encodes or decodes, and once more in float32 where half precision overflowed: never a black picture.

    Args:
        vae: The network.
        work: Its ``encode`` or ``decode``.
        tensor: Picture or latents.
        *args: What else ``work`` takes.
        **kwargs: Likewise.

    Raises:
        GenerationError: The result is not a number in float32 either.
    """
    result = work(tensor, *args, **kwargs)
    if _is_finite(result):
        return result
    dtype = next(vae.parameters()).dtype
    if dtype != torch.float32:
        try:
            vae.to(torch.float32)
            result = work(tensor.float(), *args, **kwargs)
        finally:
            vae.to(dtype)
        if _is_finite(result):
            return result
    raise GenerationError(
        "The VAE turned the picture into not-a-number; use another picture, scheduler, or a lower guidance_scale."
    )


def _is_finite(result: Any) -> bool:
    """Looks at the picture in a decoder's result, at the distribution's parameters in an encoder's."""
    named = next((name for name in ("latent_dist", "latents", "sample") if hasattr(result, name)), "")
    first = getattr(result, named) if named else result[0]
    tensor: Any = getattr(first, "parameters", first)
    return bool(torch.isfinite(tensor).all())
