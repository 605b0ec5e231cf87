"""A batch of files: the same request for every picture of a folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .errors import InvalidRequest, ReverieError
from .images import open_upload
from .request import ImageToImageRequest

ENDINGS: Final = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")


@dataclass(frozen=True, slots=True)
class BatchFile:
    """One file's turn.

    Attributes:
        path: The file.
        request: What is asked for it; None where it cannot be.
        problem: Why it cannot, as a sentence; empty where it can.
    """

    path: Path
    request: ImageToImageRequest | None
    problem: str = ""


def find_pictures(folder: Path) -> tuple[Path, ...]:
    """Finds the pictures in a folder, not below it, in the order people count: 2 before 10.

    Raises:
        InvalidRequest: It is no folder, or has no pictures.
    """
    if not folder.is_dir():
        raise InvalidRequest("image", f"image folder {str(folder)!r} does not exist; give the path of a folder.")
    found = [path for path in folder.iterdir() if path.suffix.lower() in ENDINGS and path.is_file()]
    if not found:
        raise InvalidRequest("image", f"image folder {str(folder)!r} has no pictures; give one with PNG or JPEG files.")
    return tuple(sorted(found, key=_natural))


def requests_for(
    files: Path | Iterable[Path], make: Callable[..., ImageToImageRequest], *, masks: Path | None = None
) -> Iterator[BatchFile]:
    """Makes a request for each file, one at a time as they are asked for; a bad file does not stop the others.

    Args:
        files: A folder, or paths.
        make: Makes the request of an ``image`` and, with ``masks``, a ``mask_image``:
            ``functools.partial(ImageToImageRequest, prompt="a boat")``.
        masks: A mask for all of them, or a folder with masks that have the pictures' names; None = none.

    Raises:
        InvalidRequest: The folder cannot be used.
    """
    for path in find_pictures(files) if isinstance(files, Path) else files:
        try:
            yield BatchFile(path, make(**_pictures(path, masks)))
        except ReverieError as error:
            yield BatchFile(path, None, str(error))


def _pictures(path: Path, masks: Path | None) -> dict[str, Any]:
    pictures = {"image": open_upload(path).image}
    if masks is not None:
        mask = _mask_for(path, masks)
        pictures["mask_image"] = open_upload(mask, background="#000000", parameter="mask_image").image
    return pictures


def _mask_for(path: Path, masks: Path) -> Path:
    if not masks.is_dir():
        return masks
    named = sorted(mask for mask in masks.iterdir() if mask.stem == path.stem and mask.suffix.lower() in ENDINGS)
    if not named:
        raise InvalidRequest(
            "mask_image", f"mask_image for {path.name!r} is missing; add {path.stem}.png to the masks."
        )
    return named[0]


def _natural(path: Path) -> tuple[tuple[int, str], ...]:
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path.name.lower()))
