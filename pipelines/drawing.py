"""Which way a picture's previews are drawn: not at all, by the linear map, or by the small decoder."""

from __future__ import annotations

from typing import Literal

import torch

from .denoiser import Lane
from .loading import LoadedModel
from .previews import Draw
from .tiny_decoder import FinePreviews

PreviewChoice = bool | Literal["fine"]


def preview_drawer(model: LoadedModel, choice: PreviewChoice, lane: Lane) -> Draw:
    """Gives what draws the previews of one picture.

    Args:
        model: Whose latents they are.
        choice: False draws none. ``fine`` takes the small decoder where the model has one. True takes the linear
            map, and the small decoder only where no map is known.
        lane: The picture's.
    """
    if not choice:
        return _nothing
    linear: Draw = model.projection.to_jpeg if model.projection else _nothing
    if model.tiny_decoder is not None and (choice == "fine" or model.projection is None):
        return FinePreviews(model.tiny_decoder, lane, linear).draw
    return linear


def _nothing(_guess: torch.Tensor) -> None:
    """Draws no preview."""
