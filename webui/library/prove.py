"""Runs a picture's recipe again, and says whether the same picture comes out, and if not what may be why."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from PIL import Image

from pipelines.errors import ReverieError
from pipelines.events import ImageFinished
from pipelines.hashes import WeightsHashes
from pipelines.images import open_upload

from .embed import encode_picture, read_stamp
from .infotext import write_infotext
from .recipe import Recipe, RecipeError, digest, versions
from .repeating import repeat

if TYPE_CHECKING:
    from webui.backend import Backend

Outcome = Literal["identical", "same", "different", "not_possible"]

LARGEST_DIFFERENCE: Final = 8
"""Levels of 255 that a pixel of the "same" picture may be off: nobody sees it in one pixel."""

VISIBLE: Final = 2
LARGEST_SHARE: Final = 0.01
"""Of the pixels, that may be off by more than :data:`VISIBLE` levels in the "same" picture."""

LEAST_LIKENESS: Final = 30.0
"""Decibels of signal to noise from which a picture kept with loss counts as the same."""

SHARED: Final = "It may have shared its steps with other pictures then, which can change a pixel by a level."

_READY: Final = "Ready on "


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of running a recipe again.

    Attributes:
        outcome: ``identical`` = every pixel is; ``same`` = within the tolerance; ``different``; or
            ``not_possible`` = it could not be run.
        reasons: What is not as it was when the picture was made (model file, versions, device, precision), or why it
            could not be run, as sentences.
        largest_difference: Of any pixel's channel, 0 … 255.
        share: Of the pixels that differ at all, 0 … 1.
        same_file: Whether the whole file came out the same, byte for byte.
        image: The picture that came out now.
    """

    outcome: Outcome
    reasons: tuple[str, ...] = ()
    largest_difference: int = 0
    share: float = 0.0
    same_file: bool = False
    image: Image.Image | None = field(default=None, repr=False)


def prove(
    source: str | Path | bytes,
    manager: Backend,
    *,
    image: Image.Image | None = None,
    mask_image: Image.Image | None = None,
    weights: WeightsHashes | None = None,
) -> Proof:
    """Makes a picture again from the recipe inside it, and compares the two.

    Args:
        source: The picture's file, or its bytes.
        manager: What makes pictures.
        image: The picture it began with, where it did.
        mask_image: The mask, where it was an inpainting.
        weights: Knows the hashes of models' weights; None = computes them anew.

    Raises:
        RecipeError: The file is no picture, or its recipe is damaged.
        GenerationError: Making it failed.
    """
    stamp = read_stamp(source)
    if stamp is None:
        return Proof("not_possible", ("It has no recipe of Reverie's; only with one can it be made again exactly.",))
    before = open_upload(source).image
    given = {"image": image, "mask_image": mask_image}
    missing = tuple(_unlike(stamp.recipe, given))
    if missing:
        return Proof("not_possible", missing)
    try:
        request = repeat(stamp.recipe, given, deterministic=True)  # sharing a step with others may cost a bit
        after = next(event.image for event in manager.generate(request) if isinstance(event, ImageFinished))
    except (StopIteration, ReverieError) as error:
        return Proof("not_possible", (str(error) or "No picture came out.",))
    reasons = tuple(changes(stamp.recipe, manager, weights or WeightsHashes()))
    again = encode_picture(after, infotext=write_infotext(stamp.recipe), stamp=stamp)
    kept = source if isinstance(source, bytes) else Path(source).read_bytes()
    shared = not stamp.recipe.request.get("deterministic")
    return compare(before, after, exact=_exact(kept), reasons=reasons, same_file=again == kept, shared=shared)


def compare(
    before: Image.Image,
    after: Image.Image,
    *,
    exact: bool = True,
    reasons: tuple[str, ...] = (),
    same_file: bool = False,
    shared: bool = False,
) -> Proof:
    """Compares a picture with the one that was made again.

    Args:
        before: As it was kept.
        after: As it came out now.
        exact: Whether it was kept without loss.
        reasons: What has changed since.
        same_file: Whether even the files are equal.
        shared: Whether its steps may have been shared with other pictures.
    """
    if before.size != after.size:
        why = f"It is {after.width} × {after.height} now, and was {before.width} × {before.height}."
        return Proof("different", (why, *reasons), 255, 1.0, image=after)
    off = np.abs(np.asarray(before, dtype=np.int16) - np.asarray(after, dtype=np.int16))
    pixels = off.max(axis=2)
    largest, share = int(pixels.max()), float((pixels > 0).mean())
    if largest == 0:
        return Proof("identical", (), 0, 0.0, same_file, after)
    if exact:
        same = largest <= LARGEST_DIFFERENCE and float((pixels > VISIBLE).mean()) <= LARGEST_SHARE
        if shared and largest <= VISIBLE:
            reasons = (SHARED, *reasons)
    else:
        reasons = (
            "It was kept in a format with loss, so that its pixels are only nearly those that were made.",
            *reasons,
        )
        same = 10 * math.log10(255**2 / float((off.astype(np.float64) ** 2).mean())) >= LEAST_LIKENESS
    if not same:
        reasons = (*reasons, "Another card, driver or processor draws a little differently, too.")
    return Proof("same" if same else "different", reasons, largest, share, False, after)


def changes(recipe: Recipe, manager: Backend, weights: WeightsHashes) -> Iterator[str]:
    """What is not as it was when a picture was made, as sentences.

    Args:
        recipe: The picture's.
        manager: What would make it now.
        weights: Knows the hashes of models' weights.
    """
    if recipe.model is not None:
        info = next((info for info in manager.models() if info.id == recipe.model.id), None)
        now = weights.of(info.place) if info else None
        if now and recipe.model.hash and now != recipe.model.hash:
            yield f"The model's weights are others: {now[:10]} now, {recipe.model.hash[:10]} then."
    installed = versions()
    for name, version in recipe.versions.items():
        if name in installed and installed[name] != version:
            yield f"{name} is {installed[name]} now, and was {version}."
    here = machine_of(manager)
    for name, value in recipe.machine.items():
        if name in here and here[name] != value:
            yield f"The {name} is {here[name]} now, and was {value}."


def machine_of(manager: Backend) -> dict[str, str]:
    """What computes pictures, as far as a back end tells: ``device``, and ``precision`` where it says so."""
    told: Any = getattr(manager, "machine", None)
    if callable(told):
        return {str(name): str(value) for name, value in dict(told()).items()}
    status = manager.status()
    return {"device": status.removeprefix(_READY)} if status.startswith(_READY) else {}


def _unlike(recipe: Recipe, given: dict[str, Image.Image | None]) -> Iterator[str]:
    """Which pictures the recipe needs and does not get, or gets others for."""
    for name, picture in given.items():
        wanted = recipe.request.get(name)
        if wanted is None:
            continue
        if picture is None:
            yield f"{name} is missing; give the picture that it was made from."
        elif digest(picture) != wanted:
            yield f"{name} is another picture than the one it was made from."


def _exact(data: bytes) -> bool:
    """Whether a file's format loses nothing: PNG, and WebP with lossless pixels (VP8L in its first 64 bytes)."""
    return data.startswith(b"\x89PNG") or (data[8:12] == b"WEBP" and b"VP8L" in data[:64])


__all__ = ["Proof", "RecipeError", "changes", "compare", "machine_of", "prove"]
