"""Restoration of faces (GFPGAN, CodeFormer), which Reverie leaves to others and says so."""

from __future__ import annotations

import importlib.util
from typing import NoReturn

from pipelines.errors import ModelError


def face_restoration() -> NoReturn:
    """Says why there is no face restoration, and what to do instead.

    Raises:
        ModelError: Always; the sentence tells whether ``spandrel``, which could read such files, is here.
    """
    there = importlib.util.find_spec("spandrel") is not None
    raise ModelError(
        f"Face restoration (GFPGAN, CodeFormer) is not available: {'finding faces' if there else 'spandrel'} "
        f"{'is not part of Reverie' if there else 'is not installed, and it needs torchvision'}; "
        "inpaint the face instead, with the mask on the face alone."
    )
