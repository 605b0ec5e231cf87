"""``--image FOLDER``: the same request for each picture of a folder, one after another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import InvalidRequest, ReverieError
from pipelines.file_batch import find_pictures, requests_for

from .generate_flags import flag_words
from .refusal import CannotStart

if TYPE_CHECKING:
    from pipelines.request import GenerationRequest

    from .progress_bar import ProgressBar


def make_each(
    folder: Path,
    masks: Path | None,
    ask: Callable[..., Any],
    make: Callable[[GenerationRequest], int],
    bar: ProgressBar,
) -> int:
    """Makes the pictures of every file; one that cannot be used is told of and keeps back none of the others.

    Args:
        folder: The pictures.
        masks: One mask for all, or a folder with masks of the pictures' names; None = none.
        ask: Makes the request of an ``image`` and, with ``masks``, a ``mask_image``.
        make: Makes a request's pictures and returns an exit code.
        bar: Where sentences go.

    Returns:
        The exit code: 0 when every file's pictures were made and kept.

    Raises:
        CannotStart: The folder has no pictures, or what was asked for goes with none of them.
    """
    count, done, failed = len(_pictures(folder)), 0, 0
    refused: str | None = None
    for number, one in enumerate(requests_for(folder, ask, masks=masks), start=1):
        if one.request is None:
            refused = refused or one.problem
            failed += 1
            bar.warn(f"{one.path.name} was left out: {flag_words(one.problem)}")
            continue
        bar.say(f"File {number} of {count}, {one.path.name}.")
        try:
            failed += make(one.request)
            done += 1
        except ReverieError as error:
            refused = refused or str(error)
            failed += 1
            bar.warn(f"{one.path.name} was left out: {flag_words(str(error))}")
    if not done and refused is not None:
        raise CannotStart(f"None of the {count} pictures could be used; of the first: {flag_words(refused)}")
    return 1 if failed else 0


def checked_masks(mask: Path | None) -> Path | None:
    """Looks whether ``--mask`` is there.

    Raises:
        CannotStart: It is not.
    """
    if mask is not None and not mask.exists():
        raise CannotStart(f"--mask {mask} is not there; give a picture's file, or a folder of masks.")
    return mask


def _pictures(folder: Path) -> tuple[Path, ...]:
    try:
        return find_pictures(folder)
    except InvalidRequest as error:
        raise CannotStart(flag_words(str(error))) from error
