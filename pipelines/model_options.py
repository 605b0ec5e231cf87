"""What only some models can do, refused before anything is painted."""

from __future__ import annotations

from typing import Any, Final

from .errors import InvalidRequest
from .loading import LoadedModel
from .request import GenerationRequest

OF_UNETS: Final = ("guidance_rescale", "tiling", "freeu", "clip_skip")
"""Request fields that need a Stable Diffusion 1, 2 or XL model."""


def check_options_of(model: LoadedModel, request: GenerationRequest) -> None:
    """Refuses what a model cannot do.

    Args:
        model: The one asked for.
        request: What is asked for.

    Raises:
        InvalidRequest: It cannot; the sentence names the field.
    """
    for name in OF_UNETS:
        value = getattr(request, name)
        if value != type(request).model_fields[name].default and "unet" not in model.components:
            shown = str(value).lower() if isinstance(value, bool) else f"{value:g}"
            raise InvalidRequest(
                name,
                f"{name} is {shown}, which needs a Stable Diffusion 1, 2 or XL model, and {model.info.id!r} is none; "
                "choose one, or leave it out.",
            )
    layers = _layers(model) if request.clip_skip > 1 else 1
    if request.clip_skip > layers:
        raise InvalidRequest(
            "clip_skip",
            f"clip_skip is {request.clip_skip}, and the text encoder of model {model.info.id!r} has {layers} layers; "
            f"lower it to {layers}, or less.",
        )


def _layers(model: LoadedModel) -> int:
    """Layers of the shallowest of the text encoders of a model with a U-Net, which are CLIP's."""
    parts: Any = model.components
    encoders = [parts.get(name) for name in ("text_encoder", "text_encoder_2")]
    counts = [int(encoder.config.num_hidden_layers) for encoder in encoders if encoder is not None]
    return min(counts)
