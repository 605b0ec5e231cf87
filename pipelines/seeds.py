"""From the seed somebody asked for to the seeds of each picture, known without torch."""

from __future__ import annotations

import random
import secrets
from typing import NamedTuple

from .request import LARGEST_SEED, GenerationRequest

LONGEST_NUMBER = 4000
"""Digits; Python takes no more than 4300 for a number."""


def resolve_seeds(seed: int, count: int) -> tuple[int, ...]:
    """Gives every picture its own seed: picture *i* uses seed + *i*, so that it can be made again alone.

    Args:
        seed: -1 draws a random one; 0 is an ordinary seed.
        count: Pictures to make.

    Returns:
        Seeds in 0 … 4294967295; beyond the largest they start again at 0.
    """
    first = secrets.randbelow(LARGEST_SEED + 1) if seed == -1 else seed
    return tuple((first + index) % (LARGEST_SEED + 1) for index in range(count))


class PictureSeeds(NamedTuple):
    """What the noise of one picture comes from.

    Attributes:
        seed: Its seed.
        variation: The seed that it leans towards; None where it leans nowhere.
    """

    seed: int
    variation: int | None = None


def seeds_of(request: GenerationRequest) -> tuple[PictureSeeds, ...]:
    """Gives every picture of a request its own seeds, so that it can be made again alone.

    Where pictures lean towards a variation seed, the variation seeds go on from picture to picture and the seed stays
    (A1111's rule); else the seeds go on.

    Args:
        request: What is asked for; what is random in it is drawn now.
    """
    count = request.num_images_per_prompt
    if not request.variation_strength:
        return tuple(PictureSeeds(seed) for seed in resolve_seeds(request.seed, count))
    (seed,) = resolve_seeds(request.seed, 1)
    asked = -1 if request.variation_seed is None else request.variation_seed
    return tuple(PictureSeeds(seed, other) for other in resolve_seeds(asked, count))


def with_variation_seed(request: GenerationRequest) -> GenerationRequest:
    """The same request with its variation seed drawn, where it is random and would be used."""
    if not request.variation_strength or request.variation_seed not in (None, -1):
        return request
    return request.model_copy(update={"variation_seed": seeds_of(request)[0].variation})


def portion_of(request: GenerationRequest, seed: int, pictures: range) -> GenerationRequest:
    """Some of a request's pictures as a request of their own.

    Args:
        request: All of them; its variation seed is drawn.
        seed: The seed of the first of them.
        pictures: Their indices.
    """
    changes: dict[str, int] = {"seed": seed, "num_images_per_prompt": len(pictures)}
    if request.variation_strength and request.variation_seed not in (None, -1):
        changes["variation_seed"] = resolve_seeds(request.variation_seed or 0, pictures.start + 1)[-1]
    return request.model_copy(update=changes)


def seed_from_text(text: str) -> int:
    """Makes a seed of whatever somebody typed, the same on every machine and every day: klms-gui's four rules.

    Args:
        text: Blank, a number, or any words.

    Returns:
        -1, a random one, for blank and for ``-1``; a number as it is, one too large shifted right by 32 bits until it
        is not; for any other text a number in 0 … 4294967295 that Python's generator draws when the text is its seed.
    """
    typed = text.strip()
    if typed in ("", "-1"):
        return -1
    if not (typed.isascii() and typed.isdecimal() and len(typed) <= LONGEST_NUMBER):
        return random.Random(typed).randint(0, LARGEST_SEED)  # noqa: S311  # no secret: it has to be the same
    seed = int(typed)
    while seed > LARGEST_SEED:
        seed >>= 32
    return seed
