"""Which requests a refiner can take over for the last steps; known without torch."""

from __future__ import annotations

from typing import Final

from .errors import InvalidRequest
from .families import Family
from .models import ModelInfo
from .request import GenerationRequest, ImageToImageRequest

REFINED: Final = "stable-diffusion-xl"
REFINER: Final = "stable-diffusion-xl-refiner"


def wants_refiner(request: GenerationRequest) -> bool:
    """Whether a request names a refiner that would have anything to do."""
    return request.refiner is not None and request.refiner_switch < 1.0


def check_refiner(request: GenerationRequest, info: ModelInfo, refiner: ModelInfo, family: Family) -> None:
    """Refuses what cannot be refined.

    Args:
        request: What is asked for; it names a refiner.
        info: The model.
        refiner: The refiner.
        family: The model's family.

    Raises:
        InvalidRequest: The refiner is none or not for this model, or would begin before the first model does.
    """
    if refiner.family != REFINER:
        raise InvalidRequest(
            "refiner", f"refiner is {refiner.id!r}, which is no refiner of Stable Diffusion XL; choose one, or none."
        )
    if info.family != REFINED:
        raise InvalidRequest(
            "refiner",
            f"refiner is {refiner.id!r}, which takes over from Stable Diffusion XL, and model {info.id!r} is of "
            f"{family.name}; choose another model, or no refiner.",
        )
    if isinstance(request, ImageToImageRequest) and 1 - request.strength >= request.refiner_switch:
        raise InvalidRequest(
            "refiner_switch",
            f"refiner_switch is {request.refiner_switch:g}, and strength {request.strength:g} leaves the first model "
            "no step before it; raise refiner_switch or strength, or give no refiner.",
        )
