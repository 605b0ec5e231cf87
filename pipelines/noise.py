"""The noise of one picture: what it starts with, and what its sampler adds on the way, from one source."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from .errors import InvalidRequest
from .noise_answers import NoiseAnswers
from .philox import PhiloxNormals

Source = Literal["cpu", "nv", "device"]
"""Where noise is drawn: ``cpu`` is the same on every machine, ``nv`` is what an NVIDIA GPU draws, on every machine
(A1111's ``NV``, and in all but rare cases its ``GPU``), ``device`` is this machine's own."""

SOURCES: tuple[Source, ...] = ("cpu", "nv", "device")

LATENT_PIXELS = 8
"""Pixels of a picture to one of its latents, along each side."""

STRAIGHT = 0.9995
"""Mean cosine between two noises from which on there is no telling an angle; A1111's number."""


class Stream:
    """A stream of noise; A1111's, where the source is ``nv``.

    Args:
        seed: Where it begins.
        source: Where it is drawn.
        device: What ``device`` means.

    Attributes:
        generator: What the noise comes from, unless the source is ``nv``.

    Raises:
        InvalidRequest: There is no such source.
    """

    def __init__(self, seed: int, source: Source = "cpu", device: str | torch.device = "cpu") -> None:
        if source not in SOURCES:
            raise InvalidRequest("noise_source", f"noise_source is {source!r}; use cpu, nv or device.")
        self._philox = PhiloxNormals(seed) if source == "nv" else None
        self.generator = torch.Generator(device if source == "device" else "cpu").manual_seed(seed)

    def draw(self, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """Draws the next noise.

        Args:
            shape: Of the noise; a batch of one picture is its first size.
            dtype: Its float type.

        Returns:
            On the CPU, or where the source draws.
        """
        if self._philox is None:
            return torch.randn(*shape, generator=self.generator, device=self.generator.device, dtype=dtype)
        return torch.from_numpy(self._philox.draw(math.prod(shape))).reshape(*shape).to(dtype)

    def begin_again(self, seed: int) -> None:
        """Goes on as the stream of another seed begins; ``generator`` stays the same object."""
        self.generator.manual_seed(seed)
        if self._philox is not None:
            self._philox = PhiloxNormals(seed)


@dataclass(frozen=True, slots=True)
class Lean:
    """What the noise a picture starts with leans towards.

    Attributes:
        variation: Seed of another noise; None = the next seed after the picture's.
        strength: How far: 0 is the picture's own noise, 1 the other.
        resize_from: (width, height) in pixels of the picture that the noise was for: it is kept in the middle, so that
            what it drew stays when the size changes.

    Raises:
        InvalidRequest: A number is out of range.
    """

    variation: int | None = None
    strength: float = 0.0
    resize_from: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.strength <= 1.0:
            raise InvalidRequest(
                "variation_strength", f"variation_strength is {self.strength!r}; give a number from 0 to 1."
            )
        if self.resize_from is not None and min(self.resize_from) < LATENT_PIXELS:
            width, height = self.resize_from
            raise InvalidRequest(
                "resize_from",
                f"resize_from is {width}×{height}; give a width and a height of at least {LATENT_PIXELS}.",
            )

    def __bool__(self) -> bool:
        """Whether anything is other than without it."""
        return self.strength > 0 or self.resize_from is not None


class StartingNoise:
    """What a picture draws before its first step, each draw leaning as it was asked.

    A second seed and a smaller picture have streams of their own, which go on draw by draw as the picture's does: so
    the second draw (image to image encodes its picture with the first) leans towards what the other seed draws second.

    Args:
        stream: The picture's.
        lean: What it leans towards.
        seed: The picture's.
        source: Where noise is drawn.
        device: What ``device`` means.
    """

    def __init__(
        self, stream: Stream, lean: Lean, seed: int, source: Source = "cpu", device: str | torch.device = "cpu"
    ) -> None:
        other = (seed + 1) % 2**32 if lean.variation is None else lean.variation
        self._stream, self._lean = stream, lean
        self._other = Stream(other, source, device) if lean.strength else None
        self._inner = Stream(seed, source, device) if lean.resize_from else None

    def draw(self, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """Draws the next noise, as :meth:`Stream.draw`."""
        whole, resize_from = tuple(shape), self._lean.resize_from
        inner = whole if resize_from is None else (*whole[:-2], *_latent_size(resize_from))
        own = Stream.draw(self._stream, whole, dtype)
        noise = own if self._inner is None or inner == whole else self._inner.draw(inner, dtype)
        if self._other is not None:
            other = self._other.draw(inner, dtype)
            noise = slerp(self._lean.strength, noise.float(), other.float()).to(dtype)
        return noise if inner == whole else paste_middle(own, noise)


class PictureNoise(Stream):
    """All the noise of one picture: what it starts with, and then what its sampler adds.

    Args:
        seed: The picture's.
        source: Where it is drawn.
        device: What ``device`` means.
        lean: What the first of it leans towards.
        delta: What is added to the seed for the noise on the way (A1111's "eta noise seed delta").

    Attributes:
        generator: What a pipeline is given as ``generator``; see :meth:`answering`.
        source: As given.
        seed: As given.
    """

    def __init__(
        self,
        seed: int,
        source: Source = "cpu",
        device: str | torch.device = "cpu",
        *,
        lean: Lean | None = None,
        delta: int = 0,
    ) -> None:
        super().__init__(seed, source, device)
        self.seed, self.source, self._delta, self._started = seed, source, delta, False
        self._start = StartingNoise(self, lean, seed, source, device) if lean else None

    def draw(self, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """As :meth:`Stream.draw`; it leans until the first step has begun."""
        if self._start is not None and not self._started:
            return self._start.draw(shape, dtype)
        return super().draw(shape, dtype)

    def begin_steps(self) -> None:
        """Takes notice that all noise from now on is the sampler's; only the first time counts."""
        if self._delta and not self._started:
            self.begin_again((self.seed + self._delta) % 2**32)
        self._started = True

    def answering(self) -> NoiseAnswers:
        """A ``with`` in which every ``torch.randn`` of this thread that names ``generator`` is answered from here.

        So a pipeline or a scheduler of diffusers', which draws for itself, has the noise of this source. Where it would
        be no other than the generator's nothing changes.
        """
        return NoiseAnswers(self if self._philox is not None or self._start is not None else None)


def noise_for(
    seed: int,
    shape: Sequence[int],
    *,
    source: Source = "cpu",
    variation: int | None = None,
    variation_strength: float = 0.0,
    resize_from: tuple[int, int] | None = None,
    device: str | torch.device = "cpu",
    stream: Stream | None = None,
) -> torch.Tensor:
    """Draws the noise that a picture starts with, of spread 1.

    Args:
        seed: The picture's.
        shape: [channels, rows, columns] of its latents, or with a leading batch of one.
        source: Where noise is drawn.
        variation: Seed of another noise to lean towards; None = the next seed after ``seed``.
        variation_strength: How far: 0 is ``seed``'s noise, 1 is ``variation``'s.
        resize_from: (width, height) in pixels of the picture that this noise was for: its noise is kept in the middle,
            so that what it drew stays when the size changes.
        device: What ``source="device"`` means.
        stream: The picture's stream, if its sampler will draw from it afterwards: the first draw is then its first.

    Returns:
        As ``shape``, float32, on the CPU or where the source draws.

    Raises:
        InvalidRequest: There is no such source, or a number is out of range.
    """
    lean = Lean(variation, variation_strength, resize_from)
    return StartingNoise(stream or Stream(seed, source, device), lean, seed, source, device).draw(shape)


def slerp(share: float, start: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
    """Goes part of the way from one noise to another along the sphere (Shoemake 1985), so that it stays noise.

    Each column of each channel turns by itself, by the angle between the two: A1111's way.

    Args:
        share: 0 is ``start``, 1 is ``end``.
        start: Shape [..., rows, columns].
        end: Likewise.

    Returns:
        The same shape; straight between them, where they are all but the same noise.
    """
    if share == 1.0:
        return end  # to the bit, as no angle can be
    unit = [noise / noise.norm(dim=-2, keepdim=True) for noise in (start, end)]
    cosine = (unit[0] * unit[1]).sum(-2, keepdim=True)
    if float(cosine.mean()) > STRAIGHT:
        return torch.lerp(start, end, share)
    angle = cosine.clamp(-1.0, 1.0).acos()
    turned: torch.Tensor = (start * ((1 - share) * angle).sin() + end * (share * angle).sin()) / angle.sin()
    return turned


def paste_middle(under: torch.Tensor, over: torch.Tensor) -> torch.Tensor:
    """Lays one noise on the middle of another; what does not fit is cut off evenly.

    Args:
        under: Shape [..., rows, columns]; it is not changed.
        over: Likewise, of another size.
    """
    pasted = under.clone()
    (to_rows, from_rows), (to_columns, from_columns) = (
        _overlap(under.shape[axis], over.shape[axis]) for axis in (-2, -1)
    )
    pasted[..., to_rows, to_columns] = over[..., from_rows, from_columns]
    return pasted


def _overlap(under: int, over: int) -> tuple[slice, slice]:
    """Where the middle lies in each of two lengths; half a cell is rounded down, as in A1111."""
    shift = (under - over) // 2
    if shift >= 0:
        return slice(shift, shift + over), slice(0, over)
    length = min(under, over + 2 * shift)
    return slice(0, length), slice(-shift, -shift + length)


def _latent_size(size: tuple[int, int]) -> tuple[int, int]:
    width, height = size
    return height // LATENT_PIXELS, width // LATENT_PIXELS
