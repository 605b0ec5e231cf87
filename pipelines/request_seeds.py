"""What a request says of chance beside its seed: where noise comes from, and which other noise it leans towards."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, field_validator, model_validator
from typing_extensions import Self

from .request_core import LARGEST_SEED, Side


class SeedFields(BaseModel):
    """How noise is drawn, and varied.

    Attributes:
        noise_source: Where noise is drawn: ``cpu``, the same on every machine; ``nv``, what an NVIDIA GPU draws, on
            every machine (A1111's "NV", and its "GPU"); ``device``, this machine's own.
        variation_seed: Another seed, whose noise the picture leans towards; None and -1 = a random one. Picture *i*
            uses variation seed + *i*, and then all have the same ``seed``, as in A1111.
        variation_strength: How far, 0 … 1: 0 is the seed's picture, 1 the variation seed's.
        seed_resize_width: Width in pixels at which ``seed`` gave its composition, which is to be kept in the middle of
            a picture of another size; None = this one's. With ``seed_resize_height``.
        seed_resize_height: As ``seed_resize_width``.
        eta_noise_seed_delta: What is added to the seed for the noise that a sampler adds on the way, 0 … 4294967295
            (A1111's "eta noise seed delta", ENSD; 31337 in old pictures); None = 0.
    """

    noise_source: Literal["cpu", "nv", "device"] = "cpu"
    variation_seed: Annotated[int, Field(ge=-1, le=LARGEST_SEED)] | None = None
    variation_strength: Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)] = 0.0
    seed_resize_width: Side | None = None
    seed_resize_height: Side | None = None
    eta_noise_seed_delta: Annotated[int, Field(ge=0, le=LARGEST_SEED)] | None = None

    @field_validator(
        *("variation_seed", "variation_strength", "seed_resize_width", "seed_resize_height", "eta_noise_seed_delta"),
        mode="before",
    )
    @classmethod
    def _no_switch_among_seeds(cls, value: Any) -> Any:
        return repr(value) if isinstance(value, bool) else value

    @model_validator(mode="after")
    def _both_sides_resized(self) -> Self:
        width, height = "seed_resize_width", "seed_resize_height"
        if (self.seed_resize_width is None) != (self.seed_resize_height is None):
            given, missing = (width, height) if self.seed_resize_height is None else (height, width)
            raise ValueError(f"{given} is given without {missing}; give both, or neither.")
        return self
